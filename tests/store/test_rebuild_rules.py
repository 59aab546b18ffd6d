"""Schedules and maintenance windows come back with the monitors, counted from what the history remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store import rebuild
from store.book import maintenance
from store.book.maintenance import Window
from store.book.monitors import MonitorRow
from store.live import streams
from store.maintenance import Once
from store.monitor import deadline_of
from store.rebuild import rebuild_if_empty
from tests.stage import ORG, START_MS, Stage
from tests.store.library import Library, library_on

HOUR_S, DAY_S = 3600, 86_400


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    monkeypatch.setattr(rebuild, "wall_ms", lambda: stage.now_ms)
    async with library_on(stage, tmp_path) as library:
        yield library


async def scheduled(library: Library, schedule: str, **more: object) -> MonitorRow:
    """A job with a grace of ten minutes; the stage begins at 8:00 UTC."""
    wishes = {"schedule": schedule, **more}
    return await library.change(await library.monitor(), wishes=wishes, grace_s=600)


async def come_back(stage: Stage, library: Library) -> None:
    await stage.redis.flushall()
    await stage.redis.set("test-clock", stage.now_ms)
    assert await rebuild_if_empty(stage.live, library.book, library.history)
    stage.writer = await stage.new_writer()


async def deadline(stage: Stage, row: MonitorRow) -> float | None:
    _, (state,) = await stage.live.states([row.config.id])
    deadline_ms = deadline_of(row.config, state)
    return None if deadline_ms is None else (deadline_ms - START_MS) / 1000


async def test_a_schedule_counts_from_the_last_ping_that_history_knows(
    stage: Stage, library: Library
) -> None:
    """A daily job that pinged long before Redis was lost is due at its next tick, and not a day after the rebuild."""
    daily, often = await scheduled(library, "0 14 * * *"), await scheduled(library, "@hourly")
    await library.pings(daily)
    await stage.move_to(2 * HOUR_S)
    await library.pings(often)
    await stage.move_to(2 * HOUR_S + 60)
    await come_back(stage, library)
    assert await deadline(stage, daily) == 6 * HOUR_S + 600
    assert await deadline(stage, often) == 3 * HOUR_S + 600


async def test_a_tick_that_passed_while_nobody_could_hear_is_no_miss(stage: Stage, library: Library) -> None:
    often, daily = await scheduled(library, "@hourly"), await scheduled(library, "0 14 * * *")
    await library.pings(often, daily)
    await stage.move_to(5.5 * HOUR_S)
    await come_back(stage, library)
    await stage.sweep()
    assert await stage.events() == []
    assert await deadline(stage, often) == 6 * HOUR_S + 600
    assert await deadline(stage, daily) == 6 * HOUR_S + 600


async def test_a_schedule_whose_miss_the_history_ruled_out_is_not_missed_now(
    stage: Stage, library: Library
) -> None:
    """Signs of life that are no history had moved its window: others were heard after its tick, and it was not down."""
    often, other = await scheduled(library, "@hourly"), await library.monitor()
    await library.pings(often)
    for hour in (1, 2, 3):
        await stage.move_to(hour * HOUR_S)
        await stage.ping(often.config.id, life_only=True)
    await library.pings(other)
    await stage.move_to(3 * HOUR_S + 60)
    await come_back(stage, library)
    await stage.sweep()
    assert await deadline(stage, often) == 4 * HOUR_S + 600


async def test_windows_and_tolerance_come_back(stage: Stage, library: Library) -> None:
    row = await library.change(await library.monitor(), wishes={"failures": 3}, interval_s=HOUR_S, grace_s=0)
    window = Window(
        name="update",
        times=Once(START_MS // 1000 + 2 * HOUR_S, START_MS // 1000 + 4 * HOUR_S),
        is_for_all=True,
    )
    await maintenance.create(library.book, ORG, window, START_MS)
    await library.pings(row)
    await come_back(stage, library)
    assert await deadline(stage, row) == 7 * HOUR_S
