"""Writer slots of an earlier start that nobody will take over are released; those of others are left alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from overdue import leftover
from overdue.leftover import release_leftovers
from store.live.live import Live
from store.settings import read_settings
from tests.overdue.writer_slots import hold_installation, put_slot, slots_left
from tests.stage import GENERATION


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[Live]:
    """An installation whose scripts go by the server's clock."""
    live = Live(redis_url, 1, GENERATION)
    await live.client.flushall()
    await hold_installation(live.client)
    yield live
    await live.aclose()


async def release(live: Live, folder: Path, workers: int) -> list[str]:
    """Who is registered afterwards."""
    environ = {"OVERDUE_REDIS_URL": live.url, "OVERDUE_WORKERS": str(workers), "OVERDUE_DATA": str(folder)}
    async with asyncio.timeout(10):
        await release_leftovers(read_settings(environ, folder / "none.toml"), asyncio.Event())
    return await slots_left(live.client)


async def test_slots_beyond_the_number_of_workers_are_released_and_told(
    live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for slot in ("main-0", "main-1", "main-2", "other-5"):
        await put_slot(live.client, slot, 5_000)
    assert await release(live, tmp_path, 2) == ["main-0", "main-1", "other-5"]
    [record] = [one for one in caplog.records if one.name == leftover.__name__]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("the writer slot main-2 was left by an earlier start")
    [(start_ms, end_ms)] = await live.holes(live.shards[0])
    assert 5_000 <= end_ms - start_ms < 10_000


async def test_one_that_is_heard_belongs_to_somebody_and_is_left(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftover, "STILL_HEARD_MS", 50)
    monkeypatch.setattr(leftover, "LOOK_EVERY_S", 0.01)
    await put_slot(live.client, "main-7", -60_000)
    assert await release(live, tmp_path, 1) == ["main-7"]
    assert await live.holes(live.shards[0]) == []


async def test_one_that_died_a_moment_ago_is_released_as_soon_as_it_counts_as_silent(
    live: Live, tmp_path: Path
) -> None:
    await put_slot(live.client, "main-7", 1_500)
    assert await release(live, tmp_path, 1) == []
