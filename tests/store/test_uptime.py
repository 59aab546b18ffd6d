"""The arithmetic of uptime at its edges."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from store.timestamps import rfc3339
from store.uptime import COUNTS, Period, Silence, last_periods, last_windows

DAY_MS = 86_400_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("silences", "down_ms"),
    [
        ([], 0),
        ([(110, 120)], 10),
        ([(90, 120)], 20),  # it began before
        ([(190, 250)], 10),  # it ended after
        ([(90, 250)], 100),  # it is longer
        ([(150, None)], 50),  # it is still open
        ([(50, None)], 100),
        ([(90, 100)], 0),  # it ends where the period begins
        ([(200, 210)], 0),  # it begins where the period ends
        ([(300, None)], 0),  # it began after, as seen by another clock
        ([(150, 150)], 0),
        ([(160, 150)], 0),  # an end before its beginning counts for nothing
        ([(90, 110), (120, 130), (190, None)], 30),
    ],
)
def test_a_silence_counts_as_far_as_it_lies_in_the_period(silences: list[Silence], down_ms: int) -> None:
    assert Period(100, 200).downtime_ms(silences) == down_ms


@pytest.mark.parametrize(
    ("length_ms", "down_ms", "percent"),
    [
        (100, 0, 100.0),
        (100, 100, 0.0),
        (100, 25, 75.0),
        (3, 1, 66.666),
        (30 * DAY_MS, 1, 99.999),  # never 100 with any downtime
        (30 * DAY_MS, 30 * DAY_MS - 1, 0.0),
        (0, 0, None),
    ],
)
def test_the_percentage_is_rounded_down(length_ms: int, down_ms: int, percent: float | None) -> None:
    assert Period(5, 5 + length_ms).uptime_percent(down_ms) == percent


def test_windows_end_now_and_begin_with_the_monitor_at_the_earliest() -> None:
    now_ms = ms("2026-03-10T12:00")

    windows = last_windows(now_ms, now_ms - 2 * DAY_MS)

    assert windows == {
        "24h": Period(now_ms - DAY_MS, now_ms),
        "7d": Period(now_ms - 2 * DAY_MS, now_ms),
        "30d": Period(now_ms - 2 * DAY_MS, now_ms),
    }


def test_a_monitor_from_the_future_has_windows_without_length() -> None:
    assert set(last_windows(1000, 5000).values()) == {Period(1000, 1000)}
    assert last_periods("day", 1000, 5000) == []


@pytest.mark.parametrize(
    ("by", "starts"),
    [
        ("day", ["2026-03-02", "2026-03-01", "2026-02-28", "2026-02-27"]),
        ("week", ["2026-03-02", "2026-02-23", "2026-02-16", "2026-02-09"]),
        ("month", ["2026-03-01", "2026-02-01", "2026-01-01", "2025-12-01"]),
    ],
)
def test_periods_are_those_of_the_calendar_newest_first(by: str, starts: list[str]) -> None:
    now_ms = ms("2026-03-02T04:05")  # a Monday

    periods = last_periods(by, now_ms, 0)

    assert len(periods) == COUNTS[by]
    assert [rfc3339(period.from_ms)[:10] for period in periods[:4]] == starts
    assert periods[0].until_ms == now_ms
    assert all(rfc3339(period.from_ms).endswith("T00:00:00.000Z") for period in periods)
    assert all(
        later.from_ms == earlier.until_ms for earlier, later in zip(periods[1:], periods, strict=False)
    )


def test_the_last_period_begins_with_the_monitor() -> None:
    now_ms, born_ms = ms("2026-03-02T04:05"), ms("2026-02-28T13:00")

    assert last_periods("day", now_ms, born_ms)[-1] == Period(born_ms, ms("2026-03-01"))
    assert last_periods("month", now_ms, born_ms) == [
        Period(ms("2026-03-01"), now_ms),
        Period(born_ms, ms("2026-03-01")),
    ]
    assert last_periods("day", now_ms, now_ms - 1) == [Period(now_ms - 1, now_ms)]


def test_exactly_at_midnight_the_day_has_no_length_yet_and_is_left_to_the_next_moment() -> None:
    midnight_ms = ms("2026-03-02")

    periods = last_periods("day", midnight_ms, 0)

    assert periods[0] == Period(midnight_ms, midnight_ms)
    assert periods[0].uptime_percent(0) is None
    assert periods[1].length_ms == DAY_MS


def test_downtime_over_a_boundary_is_shared_out_and_nothing_is_lost() -> None:
    now_ms = ms("2026-03-03T12:00")
    silence: list[Silence] = [(ms("2026-03-01T18:00"), ms("2026-03-03T06:00"))]

    downs = [period.downtime_ms(silence) for period in last_periods("day", now_ms, 0)[:3]]

    assert downs == [6 * 3_600_000, DAY_MS, 6 * 3_600_000]
