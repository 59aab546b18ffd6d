"""An empty Redis is filled from the books: nothing is forgotten, nobody is declared down, and one process does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from store import rebuild
from store.book import installation
from store.book.channels import put_channels
from store.errors import GenerationMissing, Unavailable
from store.live import rebuilding, streams
from store.live.delivering import deliver, lease
from store.live.heads import Outcome
from store.live.live import Live
from store.live.monitors import resolve
from store.live.rebuilding import RebuildLock
from store.live.shard import Shard
from store.monitor import Phase
from store.rebuild import WrongInstallation, rebuild_if_empty
from store.rebuild_letters import restore_letters
from tests.patience import until
from tests.stage import CLOCK, GENERATION, START_MS, Stage
from tests.store.library import Library, library_on
from tests.store.recorder.desk import ping, row_of


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    async with library_on(stage, tmp_path) as library:
        yield library


async def flush(stage: Stage) -> None:
    """Everything in Redis is gone; time goes on."""
    await stage.redis.flushall()
    await stage.redis.set("test-clock", stage.now_ms)


async def rebuilt(library: Library, live: Live | None = None) -> bool:
    return await rebuild_if_empty(live or library.stage.live, library.book, library.history)


async def listen_again(stage: Stage) -> None:
    """A writer registers after the rebuild, as ingest does."""
    stage.writer = await stage.new_writer()


# What comes back


async def test_where_all_is_well_nothing_is_touched(stage: Stage, library: Library) -> None:
    await library.monitor()
    before = {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")}
    assert not await rebuilt(library)
    assert {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")} == before


async def test_an_empty_redis_refuses_until_it_is_rebuilt_under_a_new_generation(
    stage: Stage, library: Library
) -> None:
    monitor = await library.monitor()
    await flush(stage)
    with pytest.raises(GenerationMissing):
        await ping(stage, row_of(monitor.config.id, 0))
    with pytest.raises(GenerationMissing):
        await stage.sweep()
    assert await rebuilt(library)
    generation = (await stage.redis.get(stage.shard.keys.generation)).decode()
    assert generation != GENERATION
    assert generation == stage.live.generation.value == await installation.generation(library.book)
    await listen_again(stage)
    assert await ping(stage, row_of(monitor.config.id, 0)) == [Outcome.RECORDED]
    assert not await rebuilt(library)


async def test_monitors_come_back_with_keys_phases_and_last_pings(stage: Stage, library: Library) -> None:
    never, pinged, paused = [await library.monitor(name) for name in ("never", "pinged", "paused")]
    await stage.move_to(5)
    await library.pings(pinged, paused)
    await library.change(paused, paused=True)
    await stage.move_to(20)
    await flush(stage)
    await rebuilt(library)
    states = [await stage.state(one.config.id) for one in (never, pinged, paused)]
    assert [state and (state.phase, state.base_ms - START_MS, state.seen_ms) for state in states] == [
        (Phase.ACTIVE, 20_000, 0),
        (Phase.ACTIVE, 5_000, START_MS + 5_000),
        (Phase.PAUSED, 20_000, 0),
    ]
    for one in (never, pinged, paused):
        [found] = await resolve(stage.shard, one.digests)
        assert found is not None and found.monitor_id == one.config.id
        assert found.config.name == one.config.name
    tallies = await stage.live.tallies()
    assert (tallies.new, tallies.up, tallies.down, tallies.paused) == (1, 1, 0, 1)


async def test_a_deleted_monitor_does_not_come_back(stage: Stage, library: Library) -> None:
    monitor = await library.monitor()
    await library.pings(monitor)
    async with library.book.write() as tx:
        await tx.execute("DELETE FROM monitors")
    await flush(stage)
    await rebuilt(library)
    assert await stage.state(monitor.config.id) is None
    assert await resolve(stage.shard, monitor.digests) == [None]


async def test_channels_come_back_so_that_the_next_event_is_told(stage: Stage, library: Library) -> None:
    channel = await library.channel()
    await library.monitor()
    await flush(stage)
    await rebuilt(library)
    await listen_again(stage)
    await stage.listen(until=41)
    await stage.sweep()
    await deliver(stage.shard, 10)
    [one] = (await lease(stage.shard, 10, 5000, ())).leases
    assert one.channel is not None
    assert (one.channel.id, one.channel.kind, one.channel.settings) == (channel, "webhook", b'{"url":"u"}')


async def test_an_open_incident_stays_open_and_its_end_is_told_under_the_same_id(
    stage: Stage, library: Library
) -> None:
    monitor = await library.monitor()
    await stage.move_to(5)
    await library.pings(monitor)
    await stage.move_to(7)
    await stage.listen(until=49)
    await stage.sweep()
    [down] = await stage.events()
    await deliver(stage.shard, 10)
    await library.desk.step()
    await flush(stage)
    stage.read_up_to = "0-0"
    await rebuilt(library)
    await listen_again(stage)
    state = await stage.state(monitor.config.id)
    assert state is not None
    assert (state.phase, state.base_ms, state.down_at_ms) == (Phase.DOWN, START_MS + 5_000, START_MS + 48_000)
    await stage.listen(until=100)
    await stage.sweep()
    assert await stage.events() == []
    await library.pings(monitor)
    [up] = await stage.events()
    assert (up.kind.name, up.incident_id, up.started_ms) == ("UP", down.incident_id, down.started_ms)
    assert (down.delayed_ms, up.delayed_ms) == (3000, 3000)
    assert library.desk.rows("SELECT count(*), count(ended_ms) FROM incidents") == [(1, 1)]


# Nobody is declared down for what we cannot know


async def test_the_time_since_the_last_known_ping_is_blind_and_the_dead_are_told_by_the_bound(
    stage: Stage, library: Library
) -> None:
    alive, dead = await library.monitor("alive"), await library.monitor("dead")
    await stage.move_to(5)
    await library.pings(alive, dead)
    await stage.move_to(130)
    await flush(stage)
    stage.read_up_to = "0-0"
    await rebuilt(library)
    await listen_again(stage)
    assert await stage.holes() == [(5, 130)]
    await stage.listen(until=160)
    await ping(stage, row_of(alive.config.id, 160))
    await stage.listen(until=169.9)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(until=170)
    await stage.sweep()
    assert await stage.told() == [("down", dead.config.id, 170)]


async def test_a_history_that_knows_of_a_later_time_than_the_clock_makes_no_window_long(
    stage: Stage, library: Library
) -> None:
    alive = await library.monitor("alive")
    await stage.move_to(4000)
    await library.pings(alive)
    await stage.move_to(400)
    await flush(stage)
    await rebuilt(library)
    await listen_again(stage)
    assert await stage.holes() == [(399, 400)]
    assert await stage.deadline(alive.config.id) == 440


async def test_signs_of_life_that_are_no_history_and_a_resume_are_no_false_alarm(
    stage: Stage, library: Library
) -> None:
    bad_bodies, resumed, other = [await library.monitor(name) for name in ("bad", "resumed", "other")]
    await library.pings(bad_bodies, resumed)
    await library.change(resumed, paused=True)
    for second in (30, 60, 90):
        await stage.listen(until=second)
        await ping(stage, row_of(bad_bodies.config.id, second), life_only=True)
    await library.change(await library.change(resumed, paused=True), paused=False)
    await stage.listen(until=100)
    await library.pings(other)
    await stage.sweep()
    assert await stage.told() == [("down", other.config.id, 40), ("up", other.config.id, 100)]
    await deliver(stage.shard, 10)
    await library.desk.step()
    await stage.move_to(110)
    await flush(stage)
    stage.read_up_to = "0-0"
    await rebuilt(library)
    await listen_again(stage)
    await stage.listen(until=149.9)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(until=150)
    await stage.sweep()
    assert len(await stage.told()) == 3


# Half-finished, somebody else's, several at once


async def test_a_rebuild_that_was_cut_off_is_done_again_from_the_beginning(
    stage: Stage, library: Library
) -> None:
    await library.channel()
    monitor = await library.monitor()
    await stage.listen(until=41)
    await stage.sweep()
    await deliver(stage.shard, 10)
    keys = stage.shard.keys
    await stage.redis.delete(keys.generation)
    assert await rebuilt(library)
    assert (await stage.live.tallies()).new == 1
    state = await stage.state(monitor.config.id)
    assert state is not None and state.phase == Phase.ACTIVE
    for name in (
        keys.events,
        keys.deliveries,
        keys.due,
        keys.lines,
        keys.letters,
        keys.writers,
        keys.blind,
    ):
        assert not await stage.redis.exists(name)


async def test_when_one_shard_is_lost_all_are_rebuilt(stage: Stage, library: Library) -> None:
    monitors = [await library.monitor(str(number)) for number in range(4)]
    live = Live(stage.live.url, 2, GENERATION, CLOCK)
    await stage.redis.delete(stage.shard.keys.generation)
    assert await rebuilt(library, live)
    await stage.redis.delete(live.shards[1].keys.generation)
    assert await rebuilt(library, live)
    assert None not in (await live.states([one.config.id for one in monitors]))[1]
    assert len({await live.generation_of(shard) for shard in live.shards}) == 1
    assert (await live.tallies()).new == 4
    await live.aclose()


async def test_the_redis_of_another_installation_is_refused_and_left_alone(
    stage: Stage, library: Library
) -> None:
    await library.monitor()
    await stage.redis.set(stage.shard.keys.generation, "f" * 32)
    before = {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")}
    with pytest.raises(WrongInstallation, match="OVERDUE_REDIS_URL"):
        await rebuilt(library)
    assert {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")} == before
    assert await installation.generation(library.book) == GENERATION


async def test_of_two_processes_one_does_the_work(stage: Stage, library: Library) -> None:
    for number in range(30):
        await library.monitor(str(number))
    await flush(stage)
    lives = [Live(stage.live.url, 1, GENERATION, CLOCK) for _ in range(3)]

    async def attempt(live: Live) -> bool:
        try:
            return await rebuilt(library, live)
        except Unavailable:
            return False

    assert sorted(await asyncio.gather(*map(attempt, lives))) == [False, False, True]
    assert (await stage.live.tallies()).new == 30
    for live in lives:
        assert not await rebuilt(library, live)
        await live.ready()
        await live.aclose()


async def test_who_comes_late_does_not_undo_what_another_has_just_finished(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await library.monitor()
    await flush(stage)
    other = Live(stage.live.url, 1, GENERATION, CLOCK)

    class LateLock(RebuildLock):
        async def __aenter__(self) -> RebuildLock:
            monkeypatch.setattr(rebuild, "RebuildLock", RebuildLock)
            assert await rebuilt(library, other)
            await listen_again(stage)
            await ping(stage, row_of(monitor.config.id, 0))
            return await super().__aenter__()

    monkeypatch.setattr(rebuild, "RebuildLock", LateLock)
    generation = stage.live.generation
    stage.live.generation = other.generation
    stage.shard.generation = other.generation
    assert not await rebuilt(library)
    assert await stage.redis.xlen(stage.shard.keys.pings) == 1
    assert generation.value in {GENERATION, other.generation.value}
    await other.aclose()


async def test_a_rebuild_that_another_finishes_at_this_very_moment_is_no_other_installation(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    await library.monitor()
    await flush(stage)
    other = Live(stage.live.url, 1, GENERATION, CLOCK)
    look = stage.live.generation_of

    async def late_look(shard: Shard) -> str | None:
        if await look(shard) is None:
            assert await rebuilt(library, other)
        return await look(shard)

    monkeypatch.setattr(stage.live, "generation_of", late_look)
    assert not await rebuilt(library)
    assert stage.live.generation.value == other.generation.value
    await other.aclose()


# The lock


async def test_the_lock_is_held_by_one_until_it_is_done(stage: Stage) -> None:
    async with RebuildLock(stage.live):
        with pytest.raises(Unavailable, match="another process"):
            async with RebuildLock(stage.live):
                pass
    async with RebuildLock(stage.live) as lock:
        await lock.check()


async def test_a_long_rebuild_keeps_its_lock(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "LOCK_MS", 1000)
    monkeypatch.setattr(rebuilding, "PROLONG_EVERY_S", 0.05)
    async with RebuildLock(stage.live) as lock:
        await asyncio.sleep(1.2)
        await lock.check()
    assert not await stage.redis.exists(stage.shard.keys.rebuilding)


async def test_who_died_with_the_lock_holds_up_nobody_for_long(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flush(stage)
    dead = RebuildLock(stage.live)
    with monkeypatch.context() as short:
        short.setattr(rebuilding, "LOCK_MS", 500)
        await dead.__aenter__()
    assert dead._prolonging is not None
    dead._prolonging.cancel()
    with pytest.raises(Unavailable):
        await rebuilt(library)

    async def has_ended() -> bool:
        return not await stage.redis.exists(stage.shard.keys.rebuilding)

    await until(has_ended)
    assert await rebuilt(library)


async def test_who_was_overtaken_finishes_nothing(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flush(stage)
    lock = stage.shard.keys.rebuilding

    async def overtaken(*arguments: object) -> object:
        await stage.redis.set(lock, "somebody else's")
        return await put_channels(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rebuild, "put_channels", overtaken)
    with pytest.raises(Unavailable, match="interrupted"):
        await rebuilt(library)
    assert await stage.redis.get(stage.shard.keys.generation) is None
    assert await stage.redis.get(lock) == b"somebody else's"
    assert await installation.generation(library.book) == GENERATION


async def test_who_was_overtaken_when_all_was_put_back_leaves_the_books_as_they_are(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flush(stage)

    async def overtaken(*arguments: Any) -> int:
        count = await restore_letters(*arguments)
        await stage.redis.set(stage.shard.keys.rebuilding, "somebody else's")
        return count

    monkeypatch.setattr(rebuild, "restore_letters", overtaken)
    with pytest.raises(Unavailable, match="interrupted"):
        await rebuilt(library)
    assert await installation.generation(library.book) == GENERATION


@pytest.mark.parametrize(
    ("module", "step"),
    [
        (rebuild, "empty_shard"),
        (rebuild, "put_channels"),
        (installation, "replace_generation"),
        (rebuild, "finish_rebuild"),
    ],
)
async def test_who_stood_still_while_another_rebuilt_changes_nothing_when_it_goes_on(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch, module: ModuleType, step: str
) -> None:
    monitor = await library.monitor()
    await library.channel()
    await flush(stage)
    other = Live(stage.live.url, 1, GENERATION, CLOCK)
    real = getattr(module, step)
    before: dict[bytes, bytes] = {}

    async def frozen(*arguments: object) -> object:
        monkeypatch.setattr(module, step, real)
        await stage.redis.delete(stage.shard.keys.rebuilding)  # it has expired
        assert await rebuilt(library, other)
        stage.live.generation.value = other.generation.value
        await listen_again(stage)
        await ping(stage, row_of(monitor.config.id, 0))
        before.update({key: await stage.redis.dump(key) for key in await stage.redis.keys("*")})
        return await real(*arguments)

    monkeypatch.setattr(module, step, frozen)
    with pytest.raises(Unavailable, match=r"interrupted|another process"):
        await rebuilt(library)
    assert before
    assert {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")} == before
    assert await installation.generation(library.book) == other.generation.value
    await other.aclose()


async def test_a_lock_that_is_prolonged_in_the_middle_of_a_write_does_not_stop_it(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "PROLONG_EVERY_S", 0)
    await library.monitor()
    await flush(stage)
    assert await rebuilt(library)


async def test_each_shard_has_its_copy_of_the_lock_and_none_is_left(stage: Stage) -> None:
    live = Live(stage.live.url, 3, GENERATION, CLOCK)
    keys = [shard.keys.rebuilding for shard in live.shards]
    async with RebuildLock(live) as lock:
        assert len(set(await stage.redis.mget(keys))) == 1
        await stage.redis.set(keys[2], "somebody else's")
        await rebuilding.empty_shard(lock.live.shards[1])
        with pytest.raises(Unavailable, match="interrupted"):
            await rebuilding.empty_shard(lock.live.shards[2])
    assert await stage.redis.mget(keys) == [None, None, b"somebody else's"]
    await live.aclose()


async def test_a_rebuild_that_failed_can_be_tried_again_at_once(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flush(stage)

    async def locked(*_: object) -> None:
        raise Unavailable("the database is locked")

    with monkeypatch.context() as failing:
        failing.setattr(rebuild, "put_channels", locked)
        with pytest.raises(Unavailable, match="locked"):
            await rebuilt(library)
    assert await rebuilt(library)
