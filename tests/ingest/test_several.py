"""One ingest process of several: its slot, its readiness, and its share of the figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from store.live.live import Live
from store.live.writers import drop_writer
from store.settings import Settings
from tests.ingest import serving as ingest
from tests.ingest.serving import Served, serving
from tests.overdue.writer_slots import put_slot
from tests.stage import Stage

SETTINGS = ingest.settings_for


@pytest.fixture
async def served(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """The first of two; the other does not run."""

    def settings_for(data: Path, redis_url: str, lane: str, access_log: str) -> Settings:
        return msgspec.structs.replace(SETTINGS(data, redis_url, lane, access_log), workers=2)

    monkeypatch.setattr(ingest, "settings_for", settings_for)
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def test_it_is_not_ready_as_long_as_another_is_not_heard(served: Served, stage: Stage) -> None:
    assert (await served.client.get("/readyz")).text == (
        "not ready: ingest main-1 and sweeper and recorder missing\n"
    )
    await put_slot(stage.redis, "main-1", 5_000)
    assert "main-1" in (await served.client.get("/readyz")).text
    await put_slot(stage.redis, "main-1", -60_000)
    assert "main" not in (await served.client.get("/readyz")).text


async def test_one_that_is_released_though_it_runs_takes_its_slot_again(served: Served, stage: Stage) -> None:
    monitor = await served.make()
    live = Live(stage.live.url, 1, "")
    await live.follow_generation()
    await drop_writer(live.shards[0], "main-0", 0)
    while (await served.client.get(f"/ping/{monitor['key']}")).status_code != 200:
        pass
    assert await stage.redis.hkeys(stage.shard.keys.writers) == [b"main-0"]
    assert len(await live.holes(live.shards[0])) == 1
    await live.aclose()


async def test_it_answers_only_once_it_has_its_slot_so_that_others_do_not_judge_without_it(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url, wait=False) as served:
        assert (await served.client.get("/readyz")).text == "not ready: sweeper and recorder missing\n"
