"""The recorder part as a whole: one at a time on a file, on the installation that Redis holds, to the last entry."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from store.book.database import CONFIG_DB, prepare_file
from store.book.history_writer import HistoryWriter
from store.live import streams
from store.metrics import STREAM_BACKLOG
from store.part import Part
from store.recorder import main
from store.recorder.recorder import ENTRIES_AT_ONCE
from store.settings import Settings
from tests.patience import until
from tests.stage import Stage, config_of
from tests.store.book.cast import settings_of
from tests.store.recorder.desk import ping, row_of

OTHER_GENERATION = "f" * 32


@pytest.fixture
async def settings(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(streams, "BLOCK_MS", 50)
    await stage.put(config_of(1))
    prepare_file(tmp_path / CONFIG_DB)
    return settings_of(tmp_path, redis_url=stage.live.url)


@pytest.mark.parametrize(
    ("entries", "pause_s"), [(0, 0.1), (19, 0.1), (20, 0.25), (199, 0.25), (200, 0), (600, 0)]
)
def test_a_flood_makes_large_transactions_and_nothing_piles_up_behind_a_full_one(
    entries: int, pause_s: float
) -> None:
    assert ENTRIES_AT_ONCE == 200
    assert main.pause_after(entries) == pause_s


@asynccontextmanager
async def recording(settings: Settings) -> AsyncIterator[Part]:
    part = Part("recorder")
    running = asyncio.create_task(main.run(settings, part))
    try:
        yield part
    finally:
        part.stop.set()
        await asyncio.wait_for(running, 10)


def bodies(settings: Settings) -> list[bytes]:
    with closing(sqlite3.connect(settings.data / "history.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE name = 'pings_20270115'").fetchall()
        rows = connection.execute("SELECT body FROM pings_20270115 ORDER BY id").fetchall() if tables else []
    return [body for (body,) in rows]


async def recorded(settings: Settings, *expected: bytes) -> None:
    """Returns when exactly these are in the file."""

    async def are_there() -> bool:
        return bodies(settings) == list(expected)

    await until(are_there)


async def test_it_records_and_says_that_it_is_alive(stage: Stage, settings: Settings) -> None:
    async with recording(settings):
        await ping(stage, row_of(1, 0, b"a"))
        await recorded(settings, b"a")

        async def is_shown() -> bool:
            return (
                await stage.live.alive(["recorder"]) == [True]
                and STREAM_BACKLOG.labels("pings")._value.get() == 0
            )

        await until(is_shown)


async def test_what_is_there_when_it_is_told_to_stop_is_recorded(stage: Stage, settings: Settings) -> None:
    async with recording(settings) as part:
        await ping(stage, row_of(1, 0, b"a"))
        await recorded(settings, b"a")
        for number in range(10):
            await ping(stage, row_of(1, 0, b"%d" % number))
        part.stop.set()
    assert bodies(settings) == [b"a", *(b"%d" % number for number in range(10))]
    assert not (settings.data / "history.db-wal").exists()


async def test_a_second_recorder_waits_for_the_end_of_the_first(
    stage: Stage, settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "store.recorder.main")
    monkeypatch.setattr(main, "RETRY_S", 0.02)
    opened: list[Path] = []

    class NotedWriter(HistoryWriter):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr(main, "HistoryWriter", NotedWriter)
    async with recording(settings) as first:
        await ping(stage, row_of(1, 0, b"a"))
        await recorded(settings, b"a")
        async with recording(settings):

            async def is_told() -> bool:
                return "another recorder still holds history.db" in caplog.text

            await until(is_told)
            await ping(stage, row_of(1, 0, b"b"))
            await recorded(settings, b"a", b"b")
            assert len(opened) == 1
            first.stop.set()

            async def is_open() -> bool:
                return len(opened) == 2

            await until(is_open)
            await ping(stage, row_of(1, 0, b"c"))
            await recorded(settings, b"a", b"b", b"c")


async def test_a_recorder_that_is_stopped_while_it_waits_for_another_touches_nothing(
    stage: Stage, settings: Settings
) -> None:
    async with recording(settings) as first:
        await ping(stage, row_of(1, 0, b"a"))
        await recorded(settings, b"a")
        async with recording(settings) as second:
            second.stop.set()
        await ping(stage, row_of(1, 0, b"b"))
        await recorded(settings, b"a", b"b")
        assert not first.stop.is_set()


async def test_it_follows_redis_into_a_new_generation(
    stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "RETRY_S", 0.02)
    async with recording(settings):
        await ping(stage, row_of(1, 0, b"a"))
        await recorded(settings, b"a")
        await stage.redis.flushall()
        await stage.move_to(1)
        stage.live.generation.value = OTHER_GENERATION
        await stage.redis.set(stage.shard.keys.generation, OTHER_GENERATION)
        await stage.put(config_of(1))
        stage.writer = await stage.new_writer()
        await ping(stage, row_of(1, 1, b"b"), row_of(1, 1, b"c"))
        await recorded(settings, b"a", b"b", b"c")
    assert bodies(settings) == [b"a", b"b", b"c"]


async def test_days_that_are_over_their_time_are_dropped_at_the_start(
    stage: Stage, settings: Settings
) -> None:
    old = settings.data / "history.db"
    writer = HistoryWriter(old)
    with writer.transaction():
        writer.add_pings([(1, 1_600_000_000_000, "recorded", "GET", "", "", "", "", "", None)])
    writer.close()
    async with recording(settings):

        async def is_gone() -> bool:
            with closing(sqlite3.connect(old)) as connection:
                return not connection.execute(
                    "SELECT 1 FROM sqlite_schema WHERE name = 'pings_20200913'"
                ).fetchall()

        await until(is_gone)
