"""From arrival to answer: how pings become batches, what the watermark may say, and what happens when Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingest import batcher, keyring, resolver
from store.beat import Signal, decode_history
from store.errors import Fenced
from store.live import writer
from store.live.arrival import ArrivalClock
from store.live.heads import Outcome
from store.live.link import Link
from store.live.writer import Writer
from store.metrics import PINGS
from store.monitor_rules import MonitorRules
from tests.ingest.entrance import Entrance, Gate, LookUps, answers, digest_of, entrance_on, seen
from tests.proxy import FaultProxy
from tests.stage import GENERATION, Stage

NEVER_S = 60.0
IMPATIENT_S = 0.3


@pytest.fixture
async def entrance(stage: Stage) -> AsyncIterator[Entrance]:
    async with entrance_on(stage.live.url, stage.redis) as entrance:
        yield entrance


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> LookUps:
    look_ups = LookUps()
    monkeypatch.setattr(resolver, "resolve", look_ups.resolve)
    return look_ups


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls to Redis are given up after a third of a second instead of three."""
    monkeypatch.setattr(writer, "GIVE_UP_MS", round(IMPATIENT_S * 1000))


@asynccontextmanager
async def far_away(stage: Stage, folder: Path) -> AsyncIterator[tuple[Entrance, FaultProxy]]:
    """An entrance whose way to Redis can fail."""
    async with (
        FaultProxy(folder / "proxy", stage.live.url) as proxy,
        entrance_on(proxy.url, stage.redis, call_timeout_s=IMPATIENT_S) as entrance,
    ):
        await entrance.put(1, 2)
        await entrance.know(1, 2)
        yield entrance, proxy


async def under_way(gate: Gate) -> None:
    await seen(lambda: gate.waiting == 1)


async def stream(redis: Any, entrance: Entrance, shard: int = 0) -> list[int]:
    """The monitors of all pings in the stream, in order."""
    entries = await redis.xrange(entrance.live.shards[shard].keys.pings)
    return [row.monitor_id for _, fields in entries for row in decode_history(fields[b"h"])]


# Batches


async def test_a_lone_ping_goes_at_once_and_in_one_call(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "TICK_S", NEVER_S)
    async with entrance_on(stage.live.url, stage.redis) as entrance:
        await entrance.put(1)
        await entrance.know(1)
        assert await answers([entrance.arrive(1)], seconds=5) == [Outcome.RECORDED]
        assert entrance.gate.sizes == [1, 1]


async def test_a_beat_that_equals_the_one_before_it_travels_once(entrance: Entrance, stage: Stage) -> None:
    await entrance.put(1, 2, 3)
    await entrance.know(1, 2, 3)
    entrance.gate.shut()
    first = entrance.arrive(1)
    await under_way(entrance.gate)
    others = [
        entrance.arrive(number, body=body) for number, body in ((1, b"a"), (2, b"a"), (3, b"b"), (1, b"a"))
    ]
    entrance.gate.open()
    assert await answers([first, *others]) == [Outcome.RECORDED] * 5
    entries = await stage.redis.xrange(entrance.live.shards[0].keys.pings)
    bodies = [[row.beat and row.beat.body for row in decode_history(fields[b"h"])] for _, fields in entries]
    assert bodies[-2:] == [[b""], [b"a", None, b"b", b"a"]]


async def test_what_arrives_during_a_call_is_the_next_batch(entrance: Entrance) -> None:
    await entrance.put(1)
    await entrance.know(1)
    entrance.gate.shut()
    first = entrance.arrive(1)
    await under_way(entrance.gate)
    later = [entrance.arrive(1) for _ in range(5)]
    entrance.gate.open()
    assert set(await answers([first, *later])) == {Outcome.RECORDED}
    assert entrance.gate.sizes[-2:] == [1, 5]


async def test_a_call_carries_at_most_512_pings(entrance: Entrance) -> None:
    await entrance.put(1)
    await entrance.know(1)
    entrance.gate.shut()
    pings = [entrance.arrive(1)]
    await under_way(entrance.gate)
    pings += [entrance.arrive(1) for _ in range(1200)]
    entrance.gate.open()
    await answers(pings)
    assert entrance.gate.sizes[-4:] == [1, 512, 512, 176]


async def test_a_call_carries_fewer_pings_that_signal_or_whose_monitors_have_rules(
    entrance: Entrance,
) -> None:
    await entrance.put(1, 3)
    await entrance.put(2, rules=MonitorRules(max_runtime_s=60))
    await entrance.know(1, 2, 3)
    entrance.gate.shut()
    pings = [entrance.arrive(1)]
    await under_way(entrance.gate)
    pings += [entrance.arrive(2) for _ in range(70)]
    pings += [entrance.signal(3, Signal.START) for _ in range(16)]
    pings += [entrance.arrive(1) for _ in range(400)]
    entrance.gate.open()
    assert set(await answers(pings)) == {Outcome.RECORDED}
    # 32; 32; 6 and 16 that count for 16 each, and so many plain ones as make 512; the rest.
    assert entrance.gate.sizes[-5:] == [1, 32, 32, 22 + 160, 240]


@pytest.mark.parametrize("part", ["body", "query"])
async def test_a_call_carries_at_most_256_kilobytes_of_whatever_was_sent(
    entrance: Entrance, stage: Stage, part: str
) -> None:
    await entrance.put(1)
    await entrance.know(1)
    entrance.gate.shut()
    pings = [entrance.arrive(1)]
    await under_way(entrance.gate)
    pings += [entrance.arrive(1, **{part: b"x" * 10_000}) for _ in range(60)]
    entrance.gate.open()
    assert set(await answers(pings)) == {Outcome.RECORDED}
    assert entrance.gate.sizes[-3:] == [26, 26, 8]
    assert all(call.history_bytes < 257 * 1024 for call in entrance.gate.batches)


async def test_each_ping_gets_its_own_outcome(entrance: Entrance) -> None:
    await entrance.put(1, 2, 3)
    await entrance.know(1, 2, 3)
    await entrance.put(2, version=2, paused=True)
    await entrance.drop(3)
    entrance.gate.shut()
    pings = [entrance.arrive(1)]
    await under_way(entrance.gate)
    pings += [entrance.arrive(one) for one in (2, 3, 1, 2)]
    entrance.gate.open()
    recorded, paused, unknown = Outcome.RECORDED, Outcome.PAUSED, Outcome.UNKNOWN
    assert await answers(pings) == [recorded, paused, unknown, recorded, paused]


async def test_a_client_that_went_away_disturbs_nobody_and_nobody_gets_its_answer(entrance: Entrance) -> None:
    await entrance.put(1, 2)
    await entrance.know(1, 2)
    await entrance.put(2, version=2, paused=True)
    entrance.gate.shut()
    held = entrance.arrive(2)
    await under_way(entrance.gate)
    gone, stays, gone_too, last = (entrance.arrive(one) for one in (2, 1, 1, 2))
    for ping in (held, gone, gone_too):
        ping.future.cancel()
    entrance.gate.open()
    assert await answers([stays, last]) == [Outcome.RECORDED, Outcome.PAUSED]
    assert entrance.gate.sizes[-1] == 4


async def test_what_became_of_pings_is_counted(entrance: Entrance) -> None:
    def counted(outcome: str) -> float:
        return float(PINGS.labels("simple", outcome)._value.get())

    await entrance.put(1)
    before = {outcome: counted(outcome) for outcome in ("recorded", "unknown")}
    await answers([entrance.arrive(1), entrance.arrive(1), entrance.arrive(9)])
    await seen(lambda: counted("recorded") == before["recorded"] + 2)
    await seen(lambda: counted("unknown") == before["unknown"] + 1)


async def test_pings_reach_their_own_shard_and_one_shard_does_not_wait_for_another(stage: Stage) -> None:
    async with entrance_on(stage.live.url, stage.redis, shards=2) as entrance:
        await entrance.put(2, 3, 4, 5)
        await entrance.know(2, 3, 4, 5)
        entrance.gates[0].shut()
        slow = [entrance.arrive(2), entrance.arrive(4)]
        assert await answers([entrance.arrive(3), entrance.arrive(5)]) == [Outcome.RECORDED] * 2
        assert not any(ping.future.done() for ping in slow)
        entrance.gates[0].open()
        assert await answers(slow) == [Outcome.RECORDED] * 2
        assert await stream(stage.redis, entrance, 0) == [2, 4, 2, 4]
        assert await stream(stage.redis, entrance, 1) == [3, 5, 3, 5]


# The watermark


async def test_what_was_stamped_before_the_clock_was_stepped_back_holds_the_watermark(
    entrance: Entrance,
) -> None:
    await entrance.put(1)
    await entrance.know(1)
    entrance.gate.shut()
    first = entrance.arrive(1)
    await under_way(entrance.gate)
    clock, [batcher, *_] = entrance.intake.clock, entrance.intake._batchers
    assert batcher._watermark() > 0
    queued = entrance.arrive(1)
    passed_ms = clock.monotonic_ms()
    clock.observe(clock.now_ms() - 3_600_000, passed_ms, passed_ms)

    assert clock.steps == 1
    assert batcher._watermark() == 0
    entrance.gate.open()
    assert await answers([first, queued]) == [Outcome.RECORDED] * 2


async def test_the_watermark_never_passes_a_ping_that_is_left_in_the_queue(entrance: Entrance) -> None:
    await entrance.put(1)
    await entrance.know(1)
    entrance.gate.shut()
    pings = [entrance.arrive(1)]
    await under_way(entrance.gate)
    for _ in range(14):
        pings += [entrance.arrive(1) for _ in range(100)]
        await asyncio.sleep(0.002)
    entrance.gate.open()
    await answers(pings)
    calls = entrance.gate.batches[-4:]
    assert [len(call.ids) for call in calls] == [1, 512, 512, 376]
    for call, later in pairwise(calls):
        assert call.watermark_ms < min(later.arrivals_ms)
    assert calls[0].watermark_ms < calls[1].watermark_ms < calls[2].watermark_ms < calls[3].watermark_ms


async def test_the_watermark_never_passes_a_ping_that_waits_for_its_key(
    entrance: Entrance, look_ups: LookUps
) -> None:
    """The first look-up is under way, another key waits for the next one."""
    await entrance.put(1, 2, 3)
    await entrance.know(1)
    look_ups.hold()
    waits = entrance.arrive(2)
    await seen(lambda: look_ups.keys == 2 and entrance.intake.clock.now_ms() > waits.arrival_ms)
    waits_longer = entrance.arrive(3)
    calls = len(entrance.gate.records)
    await answers([entrance.arrive(1)])
    await seen(lambda: len(entrance.gate.records) >= calls + 3)
    assert all(call.watermark_ms < waits.arrival_ms for call in entrance.gate.records[calls:])
    look_ups.release()
    assert await answers([waits, waits_longer]) == [Outcome.RECORDED] * 2
    await entrance.heard(waits_longer.arrival_ms)


async def test_an_idle_batcher_says_how_far_it_has_heard_five_times_a_second(entrance: Entrance) -> None:
    await seen(lambda: len(entrance.gate.records) >= 2)
    seconds = entrance.gate.records[-1].begun_s
    calls = len(entrance.gate.records)
    await seen(lambda: len(entrance.gate.records) >= calls + 4)
    assert 0.7 < entrance.gate.records[calls + 3].begun_s - seconds < 3
    watermarks = [call.watermark_ms for call in entrance.gate.records]
    assert watermarks == sorted(set(watermarks))


# What is refused is confessed


async def test_a_full_queue_refuses_at_once_and_the_moment_counts_as_blind(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "MOST_QUEUED", 8)
    monkeypatch.setattr(batcher, "MOST_PINGS", 2)
    await entrance.put(1)
    await entrance.know(1)
    entrance.gate.shut()
    taken = [entrance.arrive(1)]
    await under_way(entrance.gate)
    for _ in range(8):
        taken.append(entrance.arrive(1))
        await asyncio.sleep(0.003)
    refused = entrance.arrive(1)
    assert refused.future.result() == Outcome.UNAVAILABLE
    entrance.gate.open()
    assert set(await answers(taken)) == {Outcome.RECORDED}
    await entrance.heard(refused.arrival_ms)
    assert await entrance.blind(refused.arrival_ms)


async def test_too_many_unknown_keys_are_refused_and_the_moment_counts_as_blind(
    entrance: Entrance, look_ups: LookUps
) -> None:
    entrance.intake._resolver._most_waiting = 3
    look_ups.hold()
    first = entrance.arrive(10)
    await seen(lambda: look_ups.keys == 1)
    pings = [entrance.arrive(one) for one in (11, 12, 13)]
    refused = entrance.arrive(14)
    assert refused.future.result() == Outcome.UNAVAILABLE
    look_ups.release()
    assert set(await answers([first, *pings])) == {Outcome.UNKNOWN}
    await entrance.heard(refused.arrival_ms)
    assert await entrance.blind(refused.arrival_ms)


@pytest.mark.usefixtures("impatient")
async def test_when_redis_is_away_all_who_wait_are_told_and_later_ones_at_once(
    stage: Stage, tmp_path: Path
) -> None:
    async with far_away(stage, tmp_path) as (entrance, proxy):
        proxy.refuse()
        waiting = [entrance.arrive(1) for _ in range(600)]
        assert set(await answers(waiting, seconds=2)) == {Outcome.UNAVAILABLE}
        for _ in range(3):
            assert await answers([entrance.arrive(1)], seconds=1) == [Outcome.UNAVAILABLE]
        last = entrance.arrive(2)
        await answers([last])
        await proxy.accept()
        await entrance.heard(last.arrival_ms)
        assert await answers([entrance.arrive(1)]) == [Outcome.RECORDED]
        for ping in (waiting[0], waiting[-1], last):
            assert await entrance.blind(ping.arrival_ms)


@pytest.mark.usefixtures("impatient")
async def test_when_redis_is_frozen_nobody_waits_for_more_than_one_call(stage: Stage, tmp_path: Path) -> None:
    async with far_away(stage, tmp_path) as (entrance, proxy):
        proxy.black_hole = True
        waiting = [entrance.arrive(1) for _ in range(6000)]
        assert set(await answers(waiting, seconds=2)) == {Outcome.UNAVAILABLE}
        proxy.black_hole = False
        await entrance.heard(waiting[-1].arrival_ms)
        assert await answers([entrance.arrive(1)]) == [Outcome.RECORDED]
        assert await entrance.blind(waiting[-1].arrival_ms)


@pytest.mark.usefixtures("impatient")
async def test_look_ups_do_not_queue_up_behind_a_frozen_redis(
    stage: Stage, tmp_path: Path, look_ups: LookUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "MOST_AT_ONCE", 10)
    async with far_away(stage, tmp_path) as (entrance, proxy):
        look_ups.hold()
        waiting = [entrance.arrive(one) for one in range(100, 200)]
        await seen(lambda: look_ups.keys == 10 + 2)
        proxy.refuse()
        look_ups.release()
        assert set(await answers(waiting, seconds=2)) == {Outcome.UNAVAILABLE}
        assert look_ups.keys == 10 + 2


async def test_a_lost_reply_is_asked_for_again_and_the_batch_takes_effect_once(
    stage: Stage, tmp_path: Path
) -> None:
    async with far_away(stage, tmp_path) as (entrance, proxy):
        before = await stream(stage.redis, entrance)
        entrance.gate.shut()
        pings = [entrance.arrive(1)]
        await under_way(entrance.gate)
        proxy.lose_replies(1)
        entrance.gate.open()
        assert await answers(pings) == [Outcome.RECORDED]
        assert await stream(stage.redis, entrance) == [*before, 1]
        assert await entrance.live.holes(entrance.live.shards[0]) == []


# Keys


async def test_a_key_is_looked_up_once_and_then_known(entrance: Entrance, look_ups: LookUps) -> None:
    await entrance.put(1)
    await answers([entrance.arrive(1), entrance.arrive(1)])
    await answers([entrance.arrive(1)])
    assert look_ups.keys == 1


async def test_an_unknown_key_is_remembered_for_a_moment_and_no_longer(
    entrance: Entrance, look_ups: LookUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await answers([entrance.arrive(1)]) == [Outcome.UNKNOWN]
    await entrance.put(1)
    assert entrance.arrive(1).future.result() == Outcome.UNKNOWN
    assert look_ups.keys == 1
    monkeypatch.setattr(keyring, "UNKNOWN_LIFE_MS", 0)
    assert await answers([entrance.arrive(2)]) == [Outcome.UNKNOWN]
    await entrance.put(2)
    assert await answers([entrance.arrive(2)]) == [Outcome.RECORDED]


async def test_the_known_key_of_a_deleted_monitor_is_looked_up_once_more_and_is_unknown(
    entrance: Entrance, look_ups: LookUps
) -> None:
    await entrance.put(1)
    await entrance.know(1)
    await entrance.drop(1)
    assert await answers([entrance.arrive(1), entrance.arrive(1)]) == [Outcome.UNKNOWN] * 2
    assert look_ups.keys == 2
    assert entrance.arrive(1).future.result() == Outcome.UNKNOWN


async def test_a_key_of_another_epoch_is_looked_up_again_and_the_ping_recorded(
    entrance: Entrance, look_ups: LookUps
) -> None:
    await entrance.put(1)
    await entrance.know(1)
    await entrance.put(1, version=2, key_epoch=2)
    assert await answers([entrance.arrive(1)]) == [Outcome.RECORDED]
    assert look_ups.keys == 2
    assert await answers([entrance.arrive(1)]) == [Outcome.RECORDED]
    assert look_ups.keys == 2


async def test_a_new_name_is_known_with_the_second_ping(entrance: Entrance) -> None:
    await entrance.put(1)
    await entrance.know(1)
    await entrance.put(1, version=2, name="new")
    await answers([entrance.arrive(1)])
    ping = entrance.arrive(1)
    await answers([ping])
    assert ping.known is not None and ping.known.name == "new"


async def test_a_look_up_that_breaks_leaves_nobody_waiting(entrance: Entrance, stage: Stage) -> None:
    await entrance.put(1, 2)
    bucket = entrance.live.shards[0].keys.key_bucket(digest_of(1))
    await stage.redis.hset(bucket, digest_of(1), "nonsense")
    await stage.redis.hset(entrance.live.shards[0].keys.config, "nonsense", b"\x01" * 40)
    assert await answers([entrance.arrive(1)]) == [Outcome.UNAVAILABLE]
    assert await answers([entrance.arrive(2)]) == [Outcome.RECORDED]


# The writer slot


async def test_a_slot_that_was_deleted_is_taken_again_and_the_gap_is_blind(
    entrance: Entrance, stage: Stage
) -> None:
    await entrance.put(1)
    await entrance.know(1)
    keys = entrance.live.shards[0].keys
    entrance.gate.shut()
    unheard = entrance.arrive(1)
    await under_way(entrance.gate)
    await stage.redis.delete(keys.writers)
    entrance.gate.open()
    assert await answers([unheard]) == [Outcome.UNAVAILABLE]
    await seen(lambda: entrance.is_heard)
    assert await answers([entrance.arrive(1)]) == [Outcome.RECORDED]
    assert await stage.redis.hkeys(keys.writers) == [b"main-0"]
    assert await entrance.blind(unheard.arrival_ms)


async def take_slot_over(entrance: Entrance) -> Link:
    other = Link(entrance.live.url, entrance.live.scripts)
    keys = entrance.live.shards[0].keys
    await Writer(other, keys, entrance.live.generation, "main-0", ArrivalClock()).register()
    return other


async def test_a_process_that_lost_its_slot_ends_and_answers_whoever_waits(
    entrance: Entrance, look_ups: LookUps
) -> None:
    await entrance.put(1, 2)
    await entrance.know(1)
    entrance.gate.shut()
    sent = entrance.arrive(1)
    await under_way(entrance.gate)
    queued = entrance.arrive(1)
    look_ups.hold()
    looked_up = entrance.arrive(2)
    other = await take_slot_over(entrance)
    entrance.gate.open()
    assert entrance.running is not None
    with pytest.raises(Fenced, match="main-0"):
        await asyncio.wait_for(entrance.running, 5)
    look_ups.release()
    pings = [sent, queued, looked_up, entrance.arrive(1)]
    assert await answers(pings) == [Outcome.UNAVAILABLE] * 4
    await other.aclose()


async def test_closing_answers_everything_that_was_taken_and_gives_the_slot_back(
    entrance: Entrance, stage: Stage, look_ups: LookUps
) -> None:
    await entrance.put(1, 2)
    await entrance.know(1)
    entrance.gate.shut()
    taken = [entrance.arrive(1)]
    await under_way(entrance.gate)
    taken += [entrance.arrive(1) for _ in range(3)]
    look_ups.hold()
    taken.append(entrance.arrive(2))
    entrance.intake.close()
    assert entrance.arrive(1).future.result() == Outcome.UNAVAILABLE
    entrance.gate.open()
    await answers(taken[:-1])
    look_ups.release()
    assert set(await answers(taken)) == {Outcome.RECORDED}
    assert entrance.running is not None
    await asyncio.wait_for(entrance.running, 5)
    keys = entrance.live.shards[0].keys
    assert await stage.redis.hlen(keys.writers) == 0
    assert int(await stage.redis.get(keys.heard)) >= max(ping.arrival_ms for ping in taken)


async def test_without_the_installation_pings_are_refused_until_it_is_there(
    entrance: Entrance, stage: Stage
) -> None:
    await entrance.put(1)
    await entrance.know(1)
    await stage.redis.flushall()
    pings = [entrance.arrive(1), entrance.arrive(2)]
    assert await answers(pings) == [Outcome.UNAVAILABLE] * 2
    await stage.redis.set(entrance.live.shards[0].keys.generation, GENERATION)
    await entrance.put(1)
    await entrance.heard(pings[0].arrival_ms)
    assert await answers([entrance.arrive(1)]) == [Outcome.RECORDED]
    assert await entrance.blind(pings[0].arrival_ms)


async def test_before_the_clock_of_redis_is_known_pings_are_refused_and_the_moment_is_blind(
    stage: Stage, look_ups: LookUps
) -> None:
    """Its key might be found first, and then it would be recorded at a moment that means nothing."""
    async with entrance_on(stage.live.url, stage.redis, is_shut=True) as entrance:
        await entrance.put(1)
        await under_way(entrance.gate)
        look_ups.hold()
        early = entrance.arrive(1)
        seconds, micros = await stage.redis.time()
        entrance.gate.open()
        await seen(lambda: entrance.is_heard)
        look_ups.release()
        assert await answers([early, entrance.arrive(1)]) == [Outcome.UNAVAILABLE, Outcome.RECORDED]
        assert await entrance.blind(seconds * 1000 + micros // 1000)
