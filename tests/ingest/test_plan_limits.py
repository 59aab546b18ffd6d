"""A plan's limits at both doors, from the command line down to the reply of a ping."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.book import orgs, outbox
from store.book.database import CONFIG_DB, ConfigBook
from tests.ingest.serving import Served, serving
from tests.patience import until
from tests.stage import Stage

LONG_AGO_MS = 1  # what is younger than now may be under way with the call that made it


@pytest.fixture
async def served(stage: Stage, tmp_path: Path) -> AsyncIterator[Served]:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def move(data: Path, plan: str) -> None:
    """What `overdue orgs plan default <plan>` does beside a running ingest, until that has carried it to Redis."""
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        async with book.write() as tx:
            await orgs.move(tx, await orgs.by_name(tx, orgs.DEFAULT_ORG), plan, LONG_AGO_MS)

        async def is_carried() -> bool:
            return not await outbox.pending(book, 1)

        await until(is_carried)


async def test_a_ping_too_many_is_429_at_both_doors_and_still_a_sign_of_life(
    served: Served, tmp_path: Path
) -> None:
    monitor = await served.make()
    doors = [f"/ping/{monitor['key']}", f"/api/v1/heartbeat/{monitor['key']}"]
    assert [(await served.client.get(door)).status_code for door in doors] == [200, 200]

    await move(tmp_path, "free")

    before = (await served.client.get(f"/api/monitors/{monitor['id']}")).json()["lastPingAt"]
    for door in doors:
        reply = await served.client.post(door, content=b'{"a": 1}')
        assert reply.status_code == 429
        assert reply.json()["alive"] is True
        assert 560 <= reply.json()["retryAfter"] <= 570  # 600 s less 5 %
        assert reply.headers["retry-after"] == str(reply.json()["retryAfter"])
    after = (await served.client.get(f"/api/monitors/{monitor['id']}")).json()["lastPingAt"]
    assert after > before

    await move(tmp_path, "unlimited")
    assert [(await served.client.get(door)).status_code for door in doors] == [200, 200]


async def test_an_interval_under_the_minimum_is_refused_as_soon_as_the_plan_is_smaller(
    served: Served, tmp_path: Path
) -> None:
    await move(tmp_path, "starter")

    reply = await served.client.post("/api/monitors", json={"name": "job", "interval": 59})

    assert (reply.status_code, reply.json()["minimum"]) == (422, 60)
