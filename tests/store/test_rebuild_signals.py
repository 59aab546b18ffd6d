"""What was signalled comes back with the monitors: why one is down, its failures in a row, its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from store import rebuild
from store.beat import Signal, Signalled, encode_history
from store.book import unfinished as unfinished_module
from store.book.monitors import MonitorRow
from store.book.unfinished import Unfinished, unfinished
from store.live import streams
from store.live.delivering import deliver
from store.live.event_kind import Cause, EventKind
from store.live.heads import HAS_RUN, SIGNAL_SHIFT, pack_head
from store.monitor import Phase
from store.monitor_rules import MonitorRules
from store.rebuild import rebuild_if_empty
from store.rebuild_memory import Memory
from tests.stage import START_MS, Stage, config_of
from tests.store.library import Library, library_on
from tests.store.recorder.desk import row_of

FAIL, START, SUCCESS = Signal.FAIL, Signal.START, Signal.SUCCESS
ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    monkeypatch.setattr(rebuild, "wall_ms", lambda: stage.now_ms)
    async with library_on(stage, tmp_path) as library:
        yield library


async def say(
    library: Library, row: MonitorRow, signal: Signal, run: UUID | None = None, at: float | None = None
) -> None:
    """A monitor pings, and it is recorded; `at` is when it arrived, in seconds."""
    stage = library.stage
    plain = row_of(row.config.id, second(stage) if at is None else at)
    assert plain.beat is not None
    signalled = None if (signal, run) == (SUCCESS, None) else Signalled(signal, run.bytes if run else b"")
    ping = msgspec.structs.replace(plain, beat=msgspec.structs.replace(plain.beat, signalled=signalled))
    head = pack_head(ping.arrival_ms, 1, 1, signal << SIGNAL_SHIFT | (HAS_RUN if run else 0))
    named = run.bytes if run else b""
    ids = [str(row.config.id).encode()]
    await stage.writer.record(ids, head, encode_history([ping]), stage.now_ms, named)
    await library.desk.step()


def second(stage: Stage) -> float:
    return (stage.now_ms - START_MS) / 1000


async def tolerant(library: Library, **wishes: object) -> MonitorRow:
    """A monitor of 30 + 10 s."""
    return await library.change(await library.monitor(), wishes=wishes)


async def come_back(library: Library) -> None:
    """All of Redis is gone; what the recorder has read is not."""
    stage = library.stage
    await deliver(stage.shard, 100)
    while await library.desk.step():
        pass
    await stage.redis.flushall()
    await stage.redis.set("test-clock", stage.now_ms)
    stage.read_up_to = "0-0"
    assert await rebuild_if_empty(stage.live, library.book, library.history)
    stage.writer = await stage.new_writer()


async def told(stage: Stage) -> list[tuple[EventKind, Cause, float]]:
    return [(e.kind, e.cause, (e.at_ms - START_MS) / 1000) for e in await stage.events()]


async def test_a_failure_is_still_one_for_its_reminders_and_ends_only_with_a_success_after_it(
    stage: Stage, library: Library
) -> None:
    row = await tolerant(library, reminder_s=60)
    await stage.listen(10)
    await say(library, row, FAIL)
    [down] = await stage.events()
    await come_back(library)
    await say(library, row, START)
    await say(library, row, SUCCESS, at=9)
    assert await told(stage) == []
    await stage.listen(70)
    await stage.sweep()
    assert await told(stage) == [(EventKind.REMINDER, Cause.FAILED, 70)]
    await say(library, row, SUCCESS)
    [up] = await stage.events()
    assert (up.kind, up.cause, up.incident_id) == (EventKind.UP, Cause.FAILED, down.incident_id)


async def test_an_overrun_is_still_one_and_is_not_told_again(stage: Stage, library: Library) -> None:
    row = await tolerant(library, max_runtime_s=20)
    await stage.listen(1)
    await say(library, row, START, ONE)
    await stage.listen(21)
    await stage.sweep()
    assert await told(stage) == [(EventKind.DOWN, Cause.OVERRUN, 21)]
    await come_back(library)
    await stage.listen(22)
    await say(library, row, SUCCESS, OTHER)
    [up] = await stage.events()
    assert (up.kind, up.cause, up.run_started_ms) == (EventKind.UP, Cause.OVERRUN, START_MS + 1000)
    await stage.listen(45)
    await stage.sweep()
    assert await told(stage) == []


def test_failures_in_a_quiet_time_do_not_count_on() -> None:
    from_s = START_MS // 1000
    config = config_of(1, rules=MonitorRules(failures=9, quiet=((from_s + 10, from_s + 20),)))
    failed_ms = [START_MS + at_ms for at_ms in (9_999, 10_000, 19_999, 20_000)]
    memory = Memory({}, {}, {1: Unfinished(failed_ms=failed_ms)}, None)
    assert memory.runs_of(config).failures == 2


async def test_an_overrun_that_was_over_is_not_told_again(stage: Stage, library: Library) -> None:
    row, other = await tolerant(library, max_runtime_s=20), await library.monitor("other")
    await say(library, row, START, ONE)
    await stage.listen(20)
    await stage.sweep()
    await stage.listen(35)
    await say(library, row, SUCCESS, OTHER)
    await library.pings(other)
    assert [kind for kind, *_ in await told(stage)] == [EventKind.DOWN, EventKind.UP]
    await come_back(library)
    await stage.listen(60)
    await stage.sweep()
    assert await told(stage) == []


async def test_an_overrun_of_which_the_history_may_not_know_yet_is_told(
    stage: Stage, library: Library
) -> None:
    row, other = await tolerant(library, max_runtime_s=20), await library.monitor("other")
    await say(library, row, START, ONE)
    await stage.listen(25)
    await library.pings(other)
    await come_back(library)
    await stage.sweep()
    assert await told(stage) == [(EventKind.DOWN, Cause.OVERRUN, 20)]


async def test_runs_go_on_but_their_end_may_be_what_is_lost_so_they_are_let_go(
    stage: Stage, library: Library
) -> None:
    """One that hangs is missed at the deadline of its monitor."""
    measured, hung = await tolerant(library, max_runtime_s=60), await tolerant(library, max_runtime_s=20)
    await say(library, measured, START)
    await say(library, hung, START, ONE)
    await stage.listen(5)
    await come_back(library)
    await stage.listen(12)
    await say(library, measured, SUCCESS)
    assert library.desk.rows("SELECT sum(duration_ms) FROM signals_20270115") == [(12_000,)]
    await stage.listen(44.9)
    await stage.sweep()
    assert await told(stage) == []
    await stage.listen(45)
    await stage.sweep()
    assert await told(stage) == [(EventKind.DOWN, Cause.MISSED, 45)]


async def test_a_run_that_ended_is_not_begun_again_by_a_start_that_comes_late(
    stage: Stage, library: Library
) -> None:
    row = await tolerant(library, max_runtime_s=20)
    await say(library, row, START, ONE)
    await stage.listen(1)
    await say(library, row, SUCCESS, ONE)
    await come_back(library)
    await say(library, row, START, ONE)
    await stage.listen(30)
    await stage.sweep()
    assert await told(stage) == []


async def test_failures_since_the_last_success_count_on(stage: Stage, library: Library) -> None:
    thrice, recovered = await tolerant(library, failures=3), await tolerant(library, failures=3)
    for signal in (FAIL, SUCCESS, FAIL, FAIL):
        await stage.listen(second(stage) + 1)
        await say(library, thrice, signal)
    for signal in (FAIL, FAIL, SUCCESS):
        await stage.listen(second(stage) + 1)
        await say(library, recovered, signal)
    await come_back(library)
    await say(library, thrice, FAIL)
    await say(library, recovered, FAIL)
    assert [(e.kind, e.cause, e.monitor_id) for e in await stage.events()] == [
        (EventKind.DOWN, Cause.FAILED, thrice.config.id)
    ]


async def test_what_was_under_way_before_a_pause_is_forgotten(stage: Stage, library: Library) -> None:
    row = await tolerant(library, failures=2, max_runtime_s=20)
    await say(library, row, START, ONE)
    await say(library, row, FAIL, OTHER)
    paused = await library.change(row, paused=True)
    await say(library, paused, SUCCESS, ONE)
    resumed = await library.change(paused, paused=False)
    await come_back(library)
    assert await unfinished(library.history.path) == {}
    await say(library, resumed, FAIL)
    await stage.listen(25)
    await stage.sweep()
    assert await told(stage) == []


async def test_one_that_has_begun_but_never_succeeded_is_armed(stage: Stage, library: Library) -> None:
    row = await tolerant(library, is_armed_by_ping=True)
    await say(library, row, START)
    await come_back(library)
    state = await stage.state(row.config.id)
    assert state is not None and (state.phase, state.seen_ms) == (Phase.ACTIVE, START_MS)
    await stage.listen(40)
    await stage.sweep()
    assert await told(stage) == [(EventKind.DOWN, Cause.MISSED, 40)]


async def test_of_a_large_fleet_only_what_is_not_over_is_remembered(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished_module, "KEPT_LEAST", 3)
    rows = [await library.monitor() for _ in range(4)]
    for row, signals in zip(rows, ((START, SUCCESS), (START,), (FAIL,)), strict=False):
        for signal in signals:
            await say(library, row, signal, ONE)
    await library.stage.move_to(700)
    for signal in (START, SUCCESS):
        await say(library, rows[3], signal, ONE)
    found = await unfinished(library.history.path)
    assert sorted(found) == [row.config.id for row in rows[1:]]


async def test_no_more_signals_are_read_than_a_rebuild_has_time_for(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished_module, "MOST_SIGNALS", 2)
    rows = [await library.monitor() for _ in range(3)]
    for day, row in enumerate(rows):
        await library.stage.move_to(day * 50_000)
        await say(library, row, START, ONE)
    assert sorted(await unfinished(library.history.path)) == [row.config.id for row in rows[1:]]
