"""Redis away, emptied or full: 503, and what that says of the change is true."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from store.book import outbox
from store.errors import Unavailable
from store.live.live import Live
from store.monitor import MonitorState
from tests.ingest.api.cast import Api, api_on_stage
from tests.stage import CLOCK, GENERATION, Stage


@pytest.fixture
async def lonely_api(tmp_path: Path, data: Path, people: dict[str, str]) -> AsyncIterator[Api]:
    """An API whose Redis is not there."""
    live = Live(f"unix://{tmp_path}/nothing", 1, GENERATION)
    async with api_on_stage(live, data, people) as api:
        yield api
    await live.aclose()


def assert_503(reply: httpx.Response) -> None:
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) > 0
    assert reply.json()["error"]


async def change_everything(api: Api, monitor_id: str, channel_id: str) -> list[httpx.Response]:
    return [
        await api.owner.post("/api/monitors", json={"name": "new"}),
        await api.owner.post("/api/v1/heartbeats", json={"name": "new"}),
        await api.owner.patch(f"/api/monitors/{monitor_id}", json={"name": "new"}),
        await api.owner.delete(f"/api/monitors/{monitor_id}"),
        await api.owner.post(
            "/api/channels", json={"type": "webhook", "name": "n", "url": "https://example.org"}
        ),
        await api.owner.delete(f"/api/channels/{channel_id}"),
    ]


async def test_while_redis_is_away_nothing_is_written(lonely_api: Api) -> None:
    unknown = "6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77"

    for reply in await change_everything(lonely_api, unknown, unknown):
        assert_503(reply)

    for table in ("monitors", "channels", "outbox"):
        assert await lonely_api.book.rows(f"SELECT * FROM {table}") == []


async def test_while_redis_holds_another_installation_nothing_is_written(api: Api, stage: Stage) -> None:
    monitor, channel = await api.monitor(), await api.channel()
    await stage.live.client.flushall()
    before = [tuple(row) for row in await api.book.rows("SELECT * FROM monitors, channels")]

    for reply in await change_everything(api, monitor["id"], channel["id"]):
        assert_503(reply)

    assert [tuple(row) for row in await api.book.rows("SELECT * FROM monitors, channels")] == before
    assert len(await outbox.pending(api.book, 10)) == 2  # what was made before, and is kept for a while


async def test_bad_input_is_refused_as_such_even_then(lonely_api: Api) -> None:
    assert (await lonely_api.owner.post("/api/monitors", json={"name": ""})).status_code == 422
    assert (await lonely_api.owner.post("/api/monitors", content=b"{")).status_code == 400
    assert (await lonely_api.nobody.post("/api/monitors", json={"name": "a"})).status_code == 401


async def test_a_change_that_redis_refuses_after_the_commit_is_kept_and_applied_later(
    api: Api, stage: Stage
) -> None:
    await stage.live.client.config_set("maxmemory", "1")
    try:
        reply = await api.owner.post("/api/monitors", json={"name": "kept"})
    finally:
        await stage.live.client.config_set("maxmemory", "0")

    assert_503(reply)
    assert "The change is kept and will be applied when Redis is back" in reply.json()["error"]
    (kept,) = await outbox.pending(api.book, 10)
    (monitor,) = (await api.owner.get("/api/monitors")).json()["monitors"]
    assert (monitor["name"], monitor["status"], monitor["nextDeadline"]) == ("kept", "new", None)

    await stage.live.project(kept.projection)
    (monitor,) = (await api.owner.get("/api/monitors")).json()["monitors"]
    assert monitor["nextDeadline"] is not None


class LeavingLive(Live):
    """A live side that goes away after it has carried a change."""

    async def states(self, monitor_ids: Sequence[int]) -> tuple[int, list[MonitorState | None]]:
        raise Unavailable("Redis is away")


async def test_a_change_whose_monitor_cannot_be_read_afterwards_is_told_as_made(
    stage: Stage, data: Path, people: dict[str, str]
) -> None:
    live = LeavingLive(stage.live.url, 1, GENERATION, CLOCK)
    async with api_on_stage(live, data, people) as api:
        reply = await api.owner.post("/api/monitors", json={"name": "made"})

        assert_503(reply)
        assert reply.json()["error"].startswith("The change is made")
        assert await stage.deadline(1) is not None
    await live.aclose()
