"""People are told what a job sent last: the same on every attempt, and never at the price of the alert itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from store.beat import Signal, encode_history
from store.book.history_reader import HISTORY_DB
from store.book.last_pings import Wanted, last_pings
from store.clock import monotonic_ms
from store.errors import Unavailable
from store.last_ping import NOTHING, LastPing, Noted
from store.live import streams
from store.live.delivering import deliver, lease
from store.live.event_kind import Cause, EventKind
from store.live.heads import SIGNAL_SHIFT, pack_head
from store.live.live import Live
from store.live.noting import note_last_pings
from store.live.packing import Event
from store.monitor_rules import MonitorRules
from store.rebuild import rebuild_if_empty
from sweeper.last_pings import WITHIN_MS
from tests.packed_events import append
from tests.proxy import FaultProxy
from tests.stage import CLOCK, GENERATION, ORG, START_MS, Stage, config_of
from tests.store.library import Library, library_on
from tests.store.recorder.desk import ping, row_of
from tests.sweeper.channels.receivers import answering, receiving
from tests.sweeper.telling import channels, silence, statuses, telling, told

OUTPUT = b"copying\ndisk is full <script>"


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    async with library_on(stage, tmp_path) as library:
        yield library


def finder(folder: Path) -> Any:
    return lambda wanted, within_ms: last_pings(folder / HISTORY_DB, wanted, within_ms)


async def lost(stage: Stage, library: Library) -> None:
    """Job 1 has pinged at second 0 with some output, and is down since second 40."""
    await stage.put(config_of(1))
    await ping(stage, row_of(1, 0, OUTPUT))
    await library.desk.step()
    await silence(stage, second=41)


async def fails(stage: Stage, output: bytes) -> None:
    """Job 1 says now that it has failed."""
    row = row_of(1, (stage.now_ms - START_MS) / 1000, output)
    head = pack_head(row.arrival_ms, 1, 1, Signal.FAIL << SIGNAL_SHIFT)
    await stage.writer.record([b"1"], head, encode_history([row]), stage.now_ms)


def failed(at_s: float) -> Event:
    config = config_of(1)
    at_ms = START_MS + round(at_s * 1000)
    return Event(
        kind=EventKind.DOWN,
        at_ms=at_ms,
        silence_ms=START_MS,
        started_ms=at_ms,
        seen_ms=0,
        monitor_id=1,
        org_id=ORG,
        interval_s=30,
        grace_s=10,
        public_id=config.public_id,
        name=config.name,
        cause=Cause.FAILED,
    )


async def test_a_down_says_who_sent_the_last_ping_and_what_came_with_it(
    stage: Stage, library: Library, tmp_path: Path
) -> None:
    async with receiving(answering(200)) as receiver, telling(stage.shard, finder(tmp_path)) as teller:
        await channels(stage.live, receiver)
        await lost(stage, library)
        await teller.finish()
        [down] = told(receiver)
    assert down.message["data"]["lastPing"] == {
        "at": "2027-01-15T08:00:00.000Z",
        "from": "10.0.0.1",
        "userAgent": "agent",
        "signal": "success",
        "exitCode": None,
        "message": OUTPUT.decode(),
        "isCut": False,
    }


async def test_what_was_found_is_told_the_same_on_every_attempt(
    stage: Stage, library: Library, tmp_path: Path
) -> None:
    asked: list[Sequence[Wanted]] = []

    def once(wanted: Sequence[Wanted], within_ms: int) -> Sequence[LastPing | None]:
        asked.append(wanted)
        return last_pings(tmp_path / HISTORY_DB, wanted, within_ms)

    async with receiving(statuses(500, 200)) as receiver, telling(stage.shard, once) as teller:
        await channels(stage.live, receiver)
        await lost(stage, library)
        await teller.finish()
        await stage.move_to(50)
        await teller.finish()
        first, second = told(receiver)
    assert first.message["data"]["lastPing"]["message"] == OUTPUT.decode()
    assert first.body == second.body
    assert len(asked) == 1


async def test_a_history_that_cannot_be_read_holds_up_no_message_and_changes_none_later(
    stage: Stage, library: Library, tmp_path: Path
) -> None:
    asked = 0

    def away(_: object, within_ms: int) -> list[LastPing | None]:
        nonlocal asked
        asked += 1
        raise Unavailable("history.db is locked")

    async with receiving(statuses(500, 200, 200)) as receiver, telling(stage.shard, away) as teller:
        await channels(stage.live, receiver)
        await lost(stage, library)
        await teller.finish()
        teller.find(finder(tmp_path))
        await stage.move_to(50)
        await teller.finish()
        first, second = told(receiver)
        assert first.message["data"]["lastPing"] is None
        assert first.body == second.body
        teller.find(away)
        await append(stage, failed(45))
        await teller.finish()
        assert (len(receiver.calls), asked) == (3, 1)


async def test_a_failure_is_told_with_the_output_that_the_recorder_writes_a_moment_later(
    stage: Stage, library: Library, tmp_path: Path
) -> None:
    async with receiving(answering(200)) as receiver, telling(stage.shard, finder(tmp_path)) as teller:
        await channels(stage.live, receiver)
        await stage.put(config_of(1))
        await ping(stage, row_of(1, 0, b"in the beginning"))
        await library.desk.step()
        await stage.move_to(5)
        await fails(stage, OUTPUT)
        await teller.step()
        await asyncio.sleep(0.05)
        assert receiver.calls == []
        await library.desk.step()
        await teller.finish()
        [down] = told(receiver)
    assert down.message["data"]["incident"]["kind"] == "fail"
    assert down.message["data"]["lastPing"]["message"] == OUTPUT.decode()


async def test_an_overrun_says_when_its_run_began_and_how_long_it_may_take(
    stage: Stage, library: Library, tmp_path: Path
) -> None:
    async with receiving(answering(200)) as receiver, telling(stage.shard, finder(tmp_path)) as teller:
        await channels(stage.live, receiver)
        await stage.put(config_of(1, 3600, rules=MonitorRules(max_runtime_s=20)))
        await stage.move_to(10)
        await stage.ping(1, signal=Signal.START)
        await stage.listen(until=31)
        await stage.sweep()
        await teller.finish()
        [down] = told(receiver)
    assert down.message["data"]["incident"]["kind"] == "overrun"
    assert down.message["data"]["run"] == {"startedAt": "2027-01-15T08:00:10.000Z", "maxRuntime": 20}
    assert down.message["data"]["failuresBeforeAlert"] == 2


async def test_a_failure_whose_output_does_not_come_is_told_without_it_and_the_next_ones_do_not_wait(
    stage: Stage, library: Library, tmp_path: Path
) -> None:
    async with receiving(answering(200)) as receiver, telling(stage.shard, finder(tmp_path)) as teller:
        await channels(stage.live, receiver)
        began_ms = monotonic_ms()
        await append(stage, failed(5))
        await teller.finish()
        first_ms = monotonic_ms() - began_ms
        for second in range(6, 12):
            await append(stage, msgspec.structs.replace(failed(second), silence_ms=START_MS + second))
            await teller.finish()
        others_ms = monotonic_ms() - began_ms - first_ms
        assert [one.message["data"]["lastPing"] for one in told(receiver)] == [None] * 7
    assert first_ms > WITHIN_MS / 2
    assert others_ms < 6 * WITHIN_MS / 2


async def test_what_cannot_be_noted_is_not_told_before_it_can(
    stage: Stage, library: Library, tmp_path: Path
) -> None:
    async with FaultProxy(tmp_path / "proxy", stage.live.url) as proxy, receiving(answering(200)) as receiver:
        far = Live(proxy.url, 1, GENERATION, CLOCK)
        loop = asyncio.get_running_loop()

        def cut_off(wanted: Sequence[Wanted], _: int) -> list[LastPing | None]:
            asyncio.run_coroutine_threadsafe(refuse(proxy), loop).result()
            return [None] * len(wanted)

        await channels(stage.live, receiver)
        await lost(stage, library)
        async with telling(far.shards[0], cut_off) as unlucky:
            await unlucky.step()
            await asyncio.wait(list(unlucky.dispatch._under_way))
        await far.aclose()
        assert receiver.calls == []
        await stage.move_to(50)
        async with telling(stage.shard, finder(tmp_path)) as teller:
            await teller.finish()
        [down] = told(receiver)
    assert down.message["data"]["lastPing"]["message"] == OUTPUT.decode()


async def refuse(proxy: FaultProxy) -> None:
    proxy.refuse()


async def test_an_up_asks_nobody(stage: Stage, library: Library, tmp_path: Path) -> None:
    def nobody(_: object, __: int) -> list[LastPing | None]:
        raise AssertionError("was asked")

    async with receiving(answering(200)) as receiver, telling(stage.shard, nobody) as teller:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await stage.ping(1)
        await teller.finish()
        assert [one.message["data"]["lastPing"] for one in told(receiver)] == [None, None]


async def test_what_was_noted_survives_an_empty_redis(stage: Stage, library: Library) -> None:
    await library.channel()
    await library.monitor()
    await stage.listen(until=41)
    await stage.sweep()
    await deliver(stage.shard, 10)
    [one] = (await lease(stage.shard, 1, 5000, ())).leases
    last = LastPing(START_MS, "10.0.0.1", "agent", "fail", 3, "no space", True)
    assert await note_last_pings(stage.shard, [(one, Noted(last, 60))]) != [None]
    assert await note_last_pings(stage.shard, [(one, NOTHING)]) != [None]
    late = msgspec.structs.replace(one, turn=one.turn + 7)
    assert await note_last_pings(stage.shard, [(late, Noted(last))]) == [None]
    while await library.desk.step():
        pass
    await stage.redis.flushall()
    await stage.redis.set("test-clock", stage.now_ms)
    assert await rebuild_if_empty(stage.live, library.book, library.history)
    [again] = (await lease(stage.shard, 1, 5000, ())).leases
    assert (again.event, again.noted) == (one.event, Noted(last, 60))


async def test_a_delivery_that_is_made_again_after_a_crash_of_redis_is_the_same_in_the_log(
    stage: Stage, library: Library
) -> None:
    await library.channel()
    await library.monitor()
    await stage.listen(until=41)
    await stage.sweep()
    keys = stage.shard.keys
    [(entry, fields)] = await stage.redis.xrange(keys.events)
    await deliver(stage.shard, 10)
    [one] = (await lease(stage.shard, 1, 5000, ())).leases
    await note_last_pings(stage.shard, [(one, Noted(LastPing(START_MS, "10.0.0.1", "agent")))])
    while await library.desk.step():
        pass
    # What Redis had written last is gone: it makes the delivery anew.
    await stage.redis.delete(keys.dispatched, keys.deliveries, keys.due, keys.lines, keys.events)
    await stage.redis.xadd(keys.events, fields, id=entry)
    assert (await deliver(stage.shard, 10)).deliveries == 1
    while await library.desk.step():
        pass
    assert library.desk.rows("SELECT count(*), count(live_id) FROM deliveries") == [(1, 1)]
