"""Uptime and downtime of a monitor, as they are told over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from store.book import silences
from store.book.history_writer import IncidentChange
from store.clock import wall_ms
from tests.ingest.api.cast import Api
from tests.store.book.test_history_reader import Recorder

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def recorder(api: Api) -> Iterator[Recorder]:
    recorder = Recorder(api.settings.data / "history.db")
    with closing(recorder.writer):
        yield recorder


async def old_monitor(api: Api, age_ms: int) -> str:
    """The path of a monitor that was made so long ago."""
    made = await api.monitor()
    async with api.book.write() as tx:
        await tx.execute("UPDATE monitors SET created_ms = ?", (wall_ms() - age_ms,))
    return f"/api/monitors/{made['id']}/uptime"


async def test_a_monitor_that_never_failed_was_always_up(api: Api) -> None:
    path = await old_monitor(api, 100 * DAY_MS)

    told = (await api.reader.get(path)).json()

    assert list(told["windows"]) == ["24h", "7d", "30d"]
    assert {one["uptimePercent"] for one in told["windows"].values()} == {100.0}
    assert {one["downtimeSeconds"] for one in told["windows"].values()} == {0}
    assert (told["by"], told["periods"]) == (None, [])
    day = told["windows"]["24h"]
    length = datetime.fromisoformat(day["to"]) - datetime.fromisoformat(day["from"])
    assert length.total_seconds() == 86_400


async def test_downtime_is_counted_in_every_window_that_it_touches(api: Api, recorder: Recorder) -> None:
    path, now_ms = await old_monitor(api, 100 * DAY_MS), wall_ms()
    recorder.incident("a", now_ms - 20 * DAY_MS, now_ms - 20 * DAY_MS + 6 * HOUR_MS)
    recorder.incident("b", now_ms - 3 * DAY_MS, now_ms - 3 * DAY_MS + HOUR_MS)
    recorder.incident("c", now_ms - 40 * DAY_MS, now_ms - 39 * DAY_MS)
    recorder.incident("of another", now_ms - HOUR_MS, None, monitor_id=2)

    windows = (await api.owner.get(path)).json()["windows"]

    assert [one["downtimeSeconds"] for one in windows.values()] == [0, 3600, 7 * 3600]
    assert windows["7d"]["uptimePercent"] == 99.404  # 167 of 168 hours
    assert windows["30d"]["uptimePercent"] == 99.027  # 713 of 720 hours


async def test_an_open_incident_counts_until_now_and_a_young_monitor_from_its_creation(
    api: Api, recorder: Recorder
) -> None:
    path, now_ms = await old_monitor(api, 2 * HOUR_MS), wall_ms()
    recorder.incident("open", now_ms - HOUR_MS)

    windows = (await api.owner.get(path)).json()["windows"]

    assert 49.9 < windows["24h"]["uptimePercent"] <= 50.0
    assert windows["24h"] == windows["30d"]
    assert 3600 <= windows["24h"]["downtimeSeconds"] < 3660


async def test_incidents_of_another_kind_are_no_downtime(api: Api, recorder: Recorder) -> None:
    path, now_ms = await old_monitor(api, DAY_MS), wall_ms()
    with recorder.writer.transaction():
        started_ms = now_ms - HOUR_MS
        recorder.writer.change_incidents(
            [IncidentChange("m", 1, 1, started_ms, started_ms, None, "metric", "alert", "queue_size")]
        )

    assert (await api.owner.get(path)).json()["windows"]["24h"]["uptimePercent"] == 100


@pytest.mark.parametrize(("by", "count"), [("day", 90), ("week", 26), ("month", 12)])
async def test_periods_come_newest_first_and_add_up(
    api: Api, recorder: Recorder, by: str, count: int
) -> None:
    path, now_ms = await old_monitor(api, 1000 * DAY_MS), wall_ms()
    recorder.incident("a", now_ms - 40 * DAY_MS, now_ms - 9 * DAY_MS)

    told = (await api.owner.get(path, params={"by": by})).json()

    periods = told["periods"]
    assert (told["by"], len(periods)) == (by, count)
    assert sum(one["downtimeSeconds"] for one in periods) == pytest.approx(31 * 86_400)
    assert [one["from"] for one in periods[:-1]] == [one["to"] for one in periods[1:]]
    assert all(datetime.fromisoformat(one["from"]).astimezone(UTC).hour == 0 for one in periods)


async def test_very_many_incidents_are_read_in_pages(
    api: Api, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silences, "PAGE", 3)
    path, now_ms = await old_monitor(api, 10 * DAY_MS), wall_ms()
    for number in range(10):
        started_ms = now_ms - HOUR_MS + number // 2 * 60_000  # two begin in the same millisecond
        recorder.incident(str(number), started_ms, started_ms + 1000)

    assert (await api.owner.get(path)).json()["windows"]["24h"]["downtimeSeconds"] == 10


@pytest.mark.parametrize("by", ["year", "Day", "day,week", "1"])
async def test_another_period_is_refused(api: Api, by: str) -> None:
    path = await old_monitor(api, DAY_MS)

    reply = await api.owner.get(path, params={"by": by})

    assert (reply.status_code, reply.json()["field"]) == (422, "by")


async def test_a_monitor_that_was_made_just_now_has_a_reply_too(api: Api) -> None:
    made = await api.monitor()

    reply = await api.owner.get(f"/api/monitors/{made['id']}/uptime?by=month")

    assert reply.status_code == 200
    assert reply.json()["windows"]["24h"]["uptimePercent"] in {None, 100.0}
