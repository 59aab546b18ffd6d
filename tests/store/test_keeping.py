"""Redis is kept in step with the books: what was left in the outbox is carried, what is empty is filled again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from store import keeping
from store.book import outbox
from store.errors import Unavailable
from store.keeping import drain_outbox, keep_projected
from store.live import streams
from store.live.live import Live
from store.monitor import Phase
from tests.patience import until
from tests.proxy import FaultProxy
from tests.stage import CLOCK, GENERATION, Stage
from tests.store.library import NOW_MS, Library, library_on


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    monkeypatch.setattr(keeping, "EVERY_S", 0.02)
    # The changes of a test were made long enough ago.
    monkeypatch.setattr(keeping, "wall_ms", lambda: NOW_MS + keeping.KEPT_MS)
    async with library_on(stage, tmp_path) as library:
        yield library


@asynccontextmanager
async def kept(library: Library, live: Live | None = None) -> AsyncIterator[None]:
    stop = asyncio.Event()
    live = live or library.stage.live
    keeping = asyncio.create_task(keep_projected(live, library.book, library.history, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(keeping, 5)


async def settled(library: Library) -> None:
    async def is_empty() -> bool:
        return not await outbox.pending(library.book, 10)

    await until(is_empty)


async def poison(library: Library) -> None:
    """A row in the outbox that nobody can read, older than the others."""
    async with library.book.write() as tx:
        await tx.execute("INSERT INTO outbox (id, subject, payload, created_ms) VALUES (-1, 'odd', x'00', 1)")


async def test_what_was_left_behind_is_carried_at_the_start_however_young(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "wall_ms", lambda: NOW_MS)
    monitor = await library.monitor(carry=False)
    channel = await library.channel(carry=False)

    async def is_carried() -> bool:
        return bool(await stage.redis.hexists(stage.shard.keys.channels, str(channel)))

    async with kept(library):
        await until(is_carried)
    state = await stage.state(monitor.config.id)
    assert state is not None and state.phase == Phase.ACTIVE


async def test_what_redis_has_lost_with_its_last_moments_is_carried_again(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {key: await stage.redis.dump(key) for key in await stage.redis.keys("od:*")}
    monitor = await library.monitor(carry=False)
    for row in await outbox.pending(library.book, 10):
        await stage.live.project(row.projection)
    monkeypatch.setattr(keeping, "wall_ms", lambda: NOW_MS + keeping.KEPT_MS - 1)
    await drain_outbox(stage.live, library.book, everything=True)
    await stage.redis.flushall()
    await stage.redis.set("test-clock", stage.now_ms)
    for key, blob in before.items():
        await stage.redis.restore(key, 0, blob)

    monkeypatch.setattr(keeping, "wall_ms", lambda: NOW_MS + keeping.KEPT_MS)
    await drain_outbox(stage.live, library.book, everything=False)
    assert await stage.state(monitor.config.id) is not None
    assert await outbox.pending(library.book, 10) == []


async def test_later_it_is_left_to_the_call_that_made_it_for_five_seconds(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    await library.monitor(carry=False)
    monkeypatch.setattr(keeping, "wall_ms", lambda: NOW_MS + keeping.KEPT_MS - 1)
    await drain_outbox(stage.live, library.book, everything=False)
    assert len(await outbox.pending(library.book, 10)) == 1
    monkeypatch.setattr(keeping, "wall_ms", lambda: NOW_MS + keeping.KEPT_MS)
    await drain_outbox(stage.live, library.book, everything=False)
    assert await outbox.pending(library.book, 10) == []


async def test_a_change_that_was_left_behind_by_a_running_house_is_carried(
    stage: Stage, library: Library
) -> None:
    async with kept(library):
        monitor = await library.monitor(carry=False)
        await settled(library)
    assert await stage.state(monitor.config.id) is not None


async def test_carrying_an_old_change_after_a_newer_one_changes_nothing(
    stage: Stage, library: Library
) -> None:
    monitor = await library.monitor(carry=False)
    await library.change(monitor, paused=True)
    await drain_outbox(stage.live, library.book, everything=True)
    state = await stage.state(monitor.config.id)
    assert state is not None and state.phase == Phase.PAUSED


async def test_a_row_that_cannot_be_read_holds_up_no_other_and_is_reported_once(
    stage: Stage, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    await poison(library)
    monitor = await library.monitor(carry=False)
    looks = 0
    real = outbox.due

    def counted(*arguments: object) -> object:
        nonlocal looks
        looks += 1
        return real(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as counting:
        counting.setattr(outbox, "due", counted)
        async with kept(library):

            async def looked_often() -> bool:
                return looks > 5

            await until(looked_often)
    assert await stage.state(monitor.config.id) is not None
    assert caplog.text.count("outbox row -1 (odd) cannot be read") == 1


async def test_many_changes_are_carried_and_settled_some_at_a_time(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "SETTLED_AT_ONCE", 2)
    monkeypatch.setattr(outbox, "PAGE", 2)
    made = [await library.monitor(f"job {number}", carry=False) for number in range(5)]
    await drain_outbox(stage.live, library.book, everything=False)
    assert await outbox.pending(library.book, 10) == []
    assert None not in [await stage.state(one.config.id) for one in made]


async def test_a_change_that_redis_refuses_holds_up_no_other(stage: Stage, library: Library) -> None:
    there = await library.monitor("there")
    refused = await library.monitor("new", carry=False)
    await library.change(there, paused=True, carry=False)
    await stage.redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(Unavailable, match=f"monitor:{refused.config.id} waits: Redis has no memory left"):
            await drain_outbox(stage.live, library.book, everything=True)
    finally:
        await stage.redis.config_set("maxmemory", "0")
    state = await stage.state(there.config.id)
    assert state is not None and state.phase == Phase.PAUSED
    assert [row.subject for row in await outbox.pending(library.book, 10)] == [f"monitor:{refused.config.id}"]
    await drain_outbox(stage.live, library.book, everything=True)
    assert await stage.state(refused.config.id) is not None


async def test_while_redis_is_away_changes_wait_and_it_is_said_once(
    stage: Stage, library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "store.keeping")
    async with FaultProxy(tmp_path / "proxy", stage.live.url) as proxy:
        far = Live(proxy.url, 1, GENERATION, CLOCK)
        proxy.refuse()
        monitor = await library.monitor(carry=False)
        async with kept(library, far):

            async def is_said() -> bool:
                return "Redis is not in step with the books" in caplog.text

            await until(is_said)
            await asyncio.sleep(0.1)
            assert len(await outbox.pending(library.book, 10)) == 1
            await proxy.accept()
            await settled(library)
        await far.aclose()
    assert await stage.state(monitor.config.id) is not None
    assert len(caplog.messages) == 1


async def test_a_redis_that_was_emptied_is_filled_again_with_what_the_outbox_holds(
    stage: Stage, library: Library
) -> None:
    monitor = await library.monitor()
    async with kept(library):
        await library.change(monitor, paused=True, carry=False)
        await stage.redis.flushall()
        await stage.redis.set("test-clock", stage.now_ms)

        async def is_filled() -> bool:
            return await stage.live.generation_of(stage.shard) not in {None, GENERATION}

        await until(is_filled)
        await settled(library)
    state = await stage.state(monitor.config.id)
    assert state is not None and state.phase == Phase.PAUSED


async def test_the_redis_of_another_installation_is_complained_about_and_left_alone(
    stage: Stage, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.redis.set(stage.shard.keys.generation, "f" * 32)
    await library.monitor(carry=False)
    async with kept(library):

        async def is_said() -> bool:
            return "another installation" in caplog.text

        await until(is_said)
        await asyncio.sleep(0.1)
    assert len(await outbox.pending(library.book, 10)) == 1
    assert await stage.redis.get(stage.shard.keys.generation) == b"f" * 32
    assert caplog.text.count("another installation") == 1
