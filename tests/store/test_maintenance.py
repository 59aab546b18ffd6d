"""When maintenance windows are on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from store.errors import Invalid
from store.maintenance import ByCron, Once, Recurrence, Weekly, checked, merged, next_on, on_until

HOUR_S = 3600


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def said(times: tuple[int, int] | None) -> str:
    assert times is not None
    return " to ".join(f"{datetime.fromtimestamp(one, UTC):%m-%d %H:%M}" for one in times)


def test_a_weekly_window_is_on_at_the_clock_of_its_zone_also_after_a_change_of_that() -> None:
    window = Weekly(("sun", "wed"), "02:30", HOUR_S, "Europe/Vilnius")
    assert said(next_on(window, at("2026-03-24 12:00"))) == "03-25 00:30 to 03-25 01:30"
    assert said(next_on(window, at("2026-03-27 12:00"))) == "03-29 00:30 to 03-29 01:30"
    assert said(next_on(window, at("2026-03-30 12:00"))) == "03-31 23:30 to 04-01 00:30"


def test_a_window_that_is_on_is_the_next_one() -> None:
    window = ByCron("0 2 * * *", 2 * HOUR_S)
    assert said(next_on(window, at("2026-03-24 03:00"))) == "03-24 02:00 to 03-24 04:00"
    assert said(next_on(window, at("2026-03-24 04:00"))) == "03-25 02:00 to 03-25 04:00"


def test_a_window_that_is_over_does_not_come_again() -> None:
    once = Once(at("2026-03-24 02:00"), at("2026-03-24 04:00"))
    assert next_on(once, at("2026-03-24 03:59")) == (once.from_s, once.to_s)
    assert next_on(once, once.to_s) is None


def test_windows_that_touch_are_one() -> None:
    windows = (
        ByCron("0 2 * * *", 2 * HOUR_S),
        Once(at("2026-03-24 04:00"), at("2026-03-24 05:00")),
        Once(at("2026-03-24 06:00"), at("2026-03-24 07:00")),
    )
    found = list(merged(windows, at("2026-03-24 00:00"), at("2026-03-24 23:00")))
    assert [said(one) for one in found] == ["03-24 02:00 to 03-24 05:00", "03-24 06:00 to 03-24 07:00"]


def test_a_window_longer_than_its_distance_has_no_end_within_what_is_looked_at() -> None:
    always = (ByCron("0 * * * *", 2 * HOUR_S),)
    assert len(list(merged(always, at("2026-03-24 00:00"), at("2026-03-25 00:00")))) == 1


def test_until_when_is_told_while_a_window_is_on() -> None:
    windows = (ByCron("0 2 * * *", HOUR_S), ByCron("30 2 * * *", HOUR_S))
    assert on_until(windows, at("2026-03-24 02:10")) == at("2026-03-24 03:30")
    assert on_until(windows, at("2026-03-24 03:30")) is None
    assert on_until((), at("2026-03-24 02:10")) is None


@pytest.mark.parametrize(
    ("times", "field"),
    [
        (Once(10, 10), "to"),
        (Once(10, 10 + 367 * 86_400), "to"),
        (Once(10, 2**33), "to"),
        (Weekly((), "02:00", HOUR_S), "weekdays"),
        (Weekly(("monday",), "02:00", HOUR_S), "weekdays"),
        (Weekly(("mon",), "24:00", HOUR_S), "start"),
        (Weekly(("mon",), "2:00", HOUR_S), "start"),
        (Weekly(("mon",), "02:00", 59), "duration"),
        (Weekly(("mon",), "02:00", 8 * 86_400), "duration"),
        (Weekly(("mon",), "02:00", HOUR_S, "Mars"), "timezone"),
        (ByCron("0 2 31 2 *", HOUR_S), "cron"),
        (ByCron("*/5 * * * *", 60), "cron"),
        (ByCron("0 2 * * *", HOUR_S, "Mars"), "timezone"),
    ],
)
def test_times_that_cannot_be_are_refused_by_name(times: Recurrence, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(times)
    assert refused.value.field == field


def test_weekdays_are_kept_in_their_order_and_once() -> None:
    assert checked(Weekly(("sun", "mon", "sun"), "02:00", HOUR_S)) == Weekly(("mon", "sun"), "02:00", HOUR_S)
