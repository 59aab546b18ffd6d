"""Blind times over HTTP: the list of them, and the deadlines and statuses that they move."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.blind_time import BlindTime
from store.book import blind_times
from store.book.history_writer import HistoryWriter
from store.timestamps import rfc3339
from tests.ingest.api.cast import Api
from tests.stage import START_MS, Stage


def write(path: Path, *blind: BlindTime) -> None:
    writer = HistoryWriter(path)
    with writer.transaction():
        for one in blind:
            blind_times.put(writer, one, 0)
    writer.close()


async def test_before_anything_was_recorded_there_is_none(api: Api) -> None:
    assert (await api.owner.get("/api/blind-times")).json() == {"blindTimes": [], "nextCursor": None}


@pytest.mark.parametrize("who", ["owner", "reader", "stranger"])
async def test_everybody_with_a_key_may_see_them_newest_first_and_in_pages(api: Api, who: str) -> None:
    write(
        api.settings.data / "history.db",
        *(BlindTime(at, at + 1500) for at in (1000, 20_000, 10_000, 30_000, 40_000)),
    )
    caller = getattr(api, who)
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        reply = (await caller.get("/api/blind-times", params=query)).json()
        seen += [one["from"] for one in reply["blindTimes"]]
        if reply["nextCursor"] is None:
            break
        query["cursor"] = reply["nextCursor"]

    assert seen == [rfc3339(at) for at in (40_000, 30_000, 20_000, 10_000, 1000)]
    assert reply["blindTimes"] == [
        {"from": "1970-01-01T00:00:01.000Z", "to": "1970-01-01T00:00:02.500Z", "seconds": 1.5}
    ]


@pytest.mark.parametrize("cursor", ["nonsense", "MQ", "Li4u", "\u00e4"])
async def test_a_cursor_that_nobody_made_is_refused(api: Api, cursor: str) -> None:
    reply = await api.owner.get("/api/blind-times", params={"cursor": cursor})
    assert (reply.status_code, reply.json()["field"]) == (422, "cursor")


async def test_the_next_deadline_and_late_follow_the_hole(api: Api, stage: Stage) -> None:
    made = (
        await api.owner.post("/api/monitors", json={"name": "a", "interval": 30, "gracePeriod": 10})
    ).json()
    await stage.ping(1)
    await stage.move_to(35)
    await stage.ping()

    async def shown() -> tuple[str, str]:
        found = (await api.owner.get(f"/api/monitors/{made['id']}")).json()
        return found["status"], found["nextDeadline"]

    moved = rfc3339(START_MS + 75_000)
    assert await shown() == ("up", moved)
    await stage.listen(until=65)
    assert await shown() == ("up", moved)
    await stage.listen(until=66)
    assert await shown() == ("late", moved)
    found = (await api.owner.get("/api/monitors", params={"status": "late"})).json()["monitors"]
    assert [one["id"] for one in found] == [made["id"]]
