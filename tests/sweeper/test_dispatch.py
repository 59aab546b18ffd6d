"""Every event reaches every channel at least once, in order, with one id, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from store.errors import Unavailable
from store.live.delivering import deliver, lease, renew, settle
from store.live.letters import Moved, MovedTo, letter_entry
from store.live.live import Live
from store.metrics import DELIVERIES, EVENTS
from store.projection import ChannelTarget, PutChannels
from sweeper import dispatch, settling
from sweeper.channels.attempt import ATTEMPTS_PER_CHANNEL
from sweeper.schedule import IDLE_LOOK_S, LOOK_EVERY_S, WAITS_S
from tests.patience import until
from tests.proxy import FaultProxy
from tests.stage import CLOCK, GENERATION, ORG, START_MS, Stage, config_of
from tests.sweeper.channels.receivers import answering, hanging, receiving
from tests.sweeper.telling import Teller, channels, in_turn, silence, statuses, telling, told

LONGEST_FIRST_WAIT_S = WAITS_S[0] * 1.1 + 0.1


@pytest.fixture
async def teller(stage: Stage) -> AsyncIterator[Teller]:
    async with telling(stage.shard) as teller:
        yield teller


async def left(stage: Stage) -> tuple[int, int]:
    """How many deliveries wait, and how many were given up."""
    tallies = await stage.live.tallies()
    return tallies.deliveries, tallies.dead_letters


async def attempts_of(stage: Stage) -> list[Moved]:
    """What the log knows of attempts, in order."""
    entries = await stage.redis.xrange(stage.shard.keys.letters)
    records = [record for entry in entries for record in letter_entry(*entry).records]
    return [one for one in records if isinstance(one, Moved) and one.attempt]


# What is told


async def test_a_down_and_its_up_reach_every_channel_once_as_the_contract_has_it(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(answering(200)) as one, receiving(answering(204)) as other:
        await channels(stage.live, one, other)
        await silence(stage, 1)
        await teller.finish()
        await stage.move_to(50)
        await stage.ping(1)
        await teller.finish()
        (down, up), (other_down, other_up) = told(one), told(other)
    assert down.message == {
        "type": "monitor.down",
        "timestamp": "2027-01-15T08:00:40.000Z",
        "data": {
            "monitor": {
                "id": str(config_of(1).public_id),
                "name": "job 1",
                "interval": 30,
                "gracePeriod": 10,
                "lastPingAt": None,
                "schedule": None,
            },
            "incident": {
                "id": down.incident_id,
                "kind": "silence",
                "startedAt": "2027-01-15T08:00:40.000Z",
                "endedAt": None,
                "delayedBySeconds": None,
            },
            "lastPing": None,
        },
    }
    assert (up.type, up.message["timestamp"]) == ("monitor.up", "2027-01-15T08:00:50.000Z")
    assert up.message["data"]["incident"] == {
        **down.message["data"]["incident"],
        "endedAt": "2027-01-15T08:00:50.000Z",
        "delayedBySeconds": None,
    }
    assert (down.webhook_id, up.webhook_id) == (other_down.webhook_id, other_up.webhook_id)
    assert down.webhook_id != up.webhook_id
    assert UUID(down.webhook_id).version == 5
    assert (down.body, up.body) == (other_down.body, other_up.body)
    assert await left(stage) == (0, 0)


async def test_a_monitor_that_was_paused_while_down_tells_nobody(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await stage.put(config_of(1, version=2, paused=True))
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down"]


async def test_what_happened_is_counted(stage: Stage, teller: Teller) -> None:
    def counts() -> tuple[float, ...]:
        outcomes = [DELIVERIES.labels("webhook", outcome) for outcome in ("delivered", "retry", "dead")]
        children = [EVENTS.labels("monitor.down"), *outcomes]
        return tuple(child._value.get() for child in children)

    before = counts()
    async with (
        receiving(answering(200)) as good,
        receiving(answering(500)) as bad,
        receiving(answering(410)) as gone,
    ):
        await channels(stage.live, good, bad, gone)
        await silence(stage, 1)
        await teller.finish()
        await teller.finish()
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [
        1,
        2,
        2,
        1,
    ]  # two events: the others hear of the 410


# How long to wait


async def test_while_nothing_is_due_it_waits_until_something_is_and_a_second_at_most(
    stage: Stage, teller: Teller
) -> None:
    assert await teller.step() == IDLE_LOOK_S
    async with receiving(answering(500)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
    assert await teller.step() == IDLE_LOOK_S
    (_, due_ms), *_ = await stage.redis.zrange(stage.shard.keys.due, 0, 0, withscores=True)
    await stage.move_to((due_ms - START_MS) / 1000 - 0.25)
    assert await teller.step() == pytest.approx(0.25, abs=0.01)


async def test_while_an_attempt_is_under_way_it_looks_often(stage: Stage, teller: Teller) -> None:
    async with receiving(hanging) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        assert await teller.step() == 0.0
        assert await teller.step() == LOOK_EVERY_S
        await teller.crash()


# Trying again


async def test_a_failed_attempt_is_made_again_with_the_same_id_and_the_same_bytes(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(statuses(500, 200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await stage.move_to(41 + WAITS_S[0] - 0.1)
        await teller.finish()
        assert len(receiver.calls) == 1
        await stage.move_to(41 + LONGEST_FIRST_WAIT_S)
        await teller.finish()
        first, second = told(receiver)
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)
    assert await left(stage) == (0, 0)


async def test_a_receiver_that_asks_for_a_pause_gets_it(stage: Stage, teller: Teller) -> None:
    async with receiving(in_turn(answering(503, "Retry-After: 100"), answering(200))) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await stage.move_to(41 + 99)
        await teller.finish()
        assert len(receiver.calls) == 1
        await stage.move_to(41 + 111)
        await teller.finish()
        assert len(receiver.calls) == 2


async def test_an_up_never_overtakes_its_down(stage: Stage, teller: Teller) -> None:
    async with receiving(statuses(500, 500, 200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await stage.ping(1)
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down"]
        for second in (60, 90):
            await stage.move_to(second)
            await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down"] * 3 + ["monitor.up"]


async def test_a_down_that_failed_to_the_end_is_a_dead_letter_and_takes_its_up_along(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(in_turn(*[answering(500)] * 12, answering(200))) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await stage.ping(1)
        second = 41.0
        for wait_s in (*WAITS_S, 0):
            await teller.finish()
            second += wait_s * 1.1 + 1
            await stage.move_to(second)
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down"] * 12
        assert await left(stage) == (0, 2)
        [down, *_] = await stage.redis.hkeys(stage.shard.keys.dead)
        assert await stage.live.retry_letter(0, down.decode()) == 2
        await teller.finish()
        assert [one.type for one in told(receiver)[12:]] == ["monitor.down", "monitor.up"]
    assert await left(stage) == (0, 0)


async def test_a_410_disables_the_channel_until_it_is_enabled_in_a_new_epoch(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(statuses(410, 200)) as refusing, receiving(answering(200)) as other:
        await channels(stage.live, refusing, other)
        await silence(stage, 1)
        await teller.finish()
        await silence(stage, 2, second=82)
        await teller.finish()
        assert len(refusing.calls) == 1
        assert [one.type for one in told(other)] == ["monitor.down", "channel.failing", "monitor.down"]
        assert await left(stage) == (0, 2)
        assert await stage.live.refusals() == {1: (1, START_MS + 41_000)}
        await channels(stage.live, refusing, other, version=2, epoch=2)
        for letter in await stage.redis.hkeys(stage.shard.keys.dead):
            assert await stage.live.retry_letter(0, letter.decode()) == 1
        await teller.finish()
        assert [one.monitor for one in told(refusing)] == ["job 1", "job 1", "job 2"]
    assert await left(stage) == (0, 0)


async def test_a_channel_that_its_book_has_disabled_is_not_called(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(200)) as receiver:
        await channels(stage.live, receiver, disabled=True)
        await silence(stage, 1)
        await teller.finish()
        assert receiver.calls == []
    assert await left(stage) == (0, 1)


async def test_the_log_gets_status_duration_and_reason_of_each_attempt(stage: Stage, teller: Teller) -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await answering(500)(writer)

    async with receiving(in_turn(slowly, answering(200))) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await stage.move_to(41 + LONGEST_FIRST_WAIT_S)
        await teller.finish()
    failed, done = await attempts_of(stage)
    assert (failed.attempt, failed.to, failed.status) == (1, MovedTo.RETRYING, 500)
    assert failed.reason == "the receiver answered 500"
    assert 50 <= failed.duration_ms < 5000
    assert WAITS_S[0] * 1000 <= failed.next_ms - (START_MS + 41_000) <= WAITS_S[0] * 1100
    assert (done.attempt, done.to, done.status, done.next_ms) == (2, MovedTo.DELIVERED, 200, 0)


async def test_a_deleted_channel_s_deliveries_vanish(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(500)) as deleted, receiving(answering(500)) as kept:
        await channels(stage.live, kept, deleted)
        await silence(stage, 1)
        await teller.finish()
        await channels(stage.live, kept, version=2)
        await stage.move_to(41 + LONGEST_FIRST_WAIT_S)
        await teller.finish()
        assert (len(deleted.calls), len(kept.calls)) == (1, 2)
    assert await left(stage) == (1, 0)


async def test_a_kind_of_channel_that_nobody_knows_holds_up_no_other(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(200)) as receiver:
        target = ChannelTarget(7, "pigeon", b"{}")
        await channels(stage.live, receiver)
        await stage.live.project(PutChannels(ORG, 2, (target,)))
        await silence(stage, 1)
        await teller.finish()
    assert await left(stage) == (0, 0)


# Crashes


async def test_an_attempt_that_a_crash_cut_off_is_made_again_when_its_lease_has_ended(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(in_turn(hanging, answering(200))) as receiver, telling(stage.shard) as other:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.until(lambda: len(receiver.calls) == 1)
        await teller.crash()
        await other.finish()
        assert len(receiver.calls) == 1
        await stage.move_to(41 + dispatch.LEASE_MS / 1000)
        await other.finish()
        first, second = told(receiver)
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)
    assert await left(stage) == (0, 0)


async def test_what_whoever_ended_could_not_settle_is_repeated_with_the_same_id(
    stage: Stage, teller: Teller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SETTLE_WITHIN_S", 0.3)
    async with FaultProxy(tmp_path / "proxy", stage.live.url) as proxy, receiving(answering(200)) as receiver:
        far = Live(proxy.url, 1, GENERATION, CLOCK)
        await channels(stage.live, receiver)
        await silence(stage, 1)

        async def cut_off_and_welcome(writer: asyncio.StreamWriter) -> None:
            proxy.refuse()
            await answering(200)(writer)

        receiver._reply = in_turn(cut_off_and_welcome, answering(200))
        async with telling(far.shards[0]) as cut_off:
            await cut_off.step()
            await asyncio.wait(list(cut_off.dispatch._under_way))
        await far.aclose()
        assert await left(stage) == (1, 0)
        await stage.move_to(41 + dispatch.LEASE_MS / 1000)
        await teller.finish()
        first, second = told(receiver)
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)
    assert await left(stage) == (0, 0)


async def test_a_short_absence_of_redis_after_a_delivery_repeats_nothing(
    stage: Stage, teller: Teller, tmp_path: Path
) -> None:
    async with FaultProxy(tmp_path / "proxy", stage.live.url) as proxy, receiving(answering(200)) as receiver:
        far = Live(proxy.url, 1, GENERATION, CLOCK)
        await channels(stage.live, receiver)
        await silence(stage, 1)

        async def cut_off_and_welcome(writer: asyncio.StreamWriter) -> None:
            proxy.refuse()
            await answering(200)(writer)
            await asyncio.sleep(0.15)
            await proxy.accept()

        receiver._reply = cut_off_and_welcome
        async with telling(far.shards[0]) as cut_off:
            await cut_off.step()
            await asyncio.wait(list(cut_off.dispatch._under_way))
        await far.aclose()
        await stage.move_to(1000)
        await teller.finish()
        assert len(receiver.calls) == 1
    assert await left(stage) == (0, 0)


async def test_two_dispatchers_at_once_deliver_each_event_once(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(200)) as receiver, telling(stage.shard) as other:
        await channels(stage.live, receiver)
        await silence(stage, *range(1, 41))
        await asyncio.gather(teller.finish(), other.finish())
        assert sorted(Counter(one.monitor for one in told(receiver)).items()) == sorted(
            (f"job {number}", 1) for number in range(1, 41)
        )
    assert await left(stage) == (0, 0)


async def test_finishing_lets_attempts_end_and_cuts_off_what_takes_too_long(
    stage: Stage, teller: Teller
) -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await answering(200)(writer)

    async with receiving(slowly) as slow, receiving(hanging) as stuck:
        await channels(stage.live, slow, stuck)
        await silence(stage, 1)
        await teller.until(lambda: len(slow.calls) == len(stuck.calls) == 1)
        await teller.dispatch.finish(0.5)
        assert teller.under_way == 0
    assert await left(stage) == (1, 0)


# Leases


async def test_a_lease_is_prolonged_while_its_attempt_is_under_way(
    stage: Stage, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "RENEW_EVERY_S", 0.02)
    away = [Unavailable("Redis is away")]

    async def renewed_but_for_the_first_time(*arguments: Any) -> None:
        if away:
            raise away.pop()
        await renew(*arguments)

    monkeypatch.setattr(dispatch, "renew", renewed_but_for_the_first_time)

    async def due_in_ms() -> int:
        score = await stage.redis.zscore(
            stage.shard.keys.due, next(iter(teller.dispatch._under_way.values())).delivery_id
        )
        return int(score) - stage.now_ms

    async with receiving(hanging) as receiver, telling(stage.shard) as other:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.until(lambda: len(receiver.calls) == 1)
        keeping = asyncio.create_task(teller.dispatch.keep_leases())
        for second in (45, 49, 53):
            await stage.move_to(second)

            async def is_prolonged() -> bool:
                return await due_in_ms() == dispatch.LEASE_MS

            await until(is_prolonged)
            await other.finish()
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        assert len(receiver.calls) == 1
        await teller.crash()


async def test_prolonging_a_lease_that_was_settled_meanwhile_does_not_shorten_the_wait(stage: Stage) -> None:
    await stage.channels(1)
    await silence(stage, 1)
    await deliver(stage.shard, 10)
    [mine] = (await lease(stage.shard, 10, 5000, ())).leases
    assert await settle(stage.shard, mine, "retry", 60_000)
    await renew(stage.shard, 5000, [mine])
    await stage.move_to(41 + 59)
    assert (await lease(stage.shard, 10, 5000, ())).leases == []
    await stage.move_to(41 + 60)
    assert len((await lease(stage.shard, 10, 5000, ())).leases) == 1


async def test_a_lease_that_was_lost_settles_nothing(stage: Stage) -> None:
    await stage.channels(1)
    await silence(stage, 1)
    await deliver(stage.shard, 10)
    [former] = (await lease(stage.shard, 10, 5000, ())).leases
    await stage.move_to(46)
    [mine] = (await lease(stage.shard, 10, 5000, ())).leases
    assert not await settle(stage.shard, former, "done")
    assert await renew(stage.shard, 5000, [former, mine]) == 1
    assert await settle(stage.shard, mine, "done")
    assert await left(stage) == (0, 0)


# One channel and the others


async def test_a_receiver_that_hangs_has_eight_attempts_and_delays_no_other(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(hanging) as stuck, receiving(answering(200)) as quick:
        await channels(stage.live, stuck, quick)
        await silence(stage, *range(1, 41))
        await teller.until(lambda: len(quick.calls) == 40)
        await teller.step()
        assert len({one.webhook_id for one in told(quick)}) == 40
        await teller.until(lambda: len(stuck.calls) == ATTEMPTS_PER_CHANNEL)
        assert teller.under_way == ATTEMPTS_PER_CHANNEL
        await teller.crash()


async def test_no_channel_ever_has_more_than_eight_attempts_under_way(stage: Stage, teller: Teller) -> None:
    under_way, most = 0, 0

    async def unevenly(writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01 * (1 + len(receiver.calls) % 7))
        under_way -= 1
        await answering(200)(writer)

    async with receiving(unevenly) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, *range(1, 101))
        await teller.until(lambda: len(receiver.calls) == 100)
        await teller.finish()
    assert 1 < most <= ATTEMPTS_PER_CHANNEL
    assert await left(stage) == (0, 0)


# Records that cannot be read


async def test_an_event_that_cannot_be_read_holds_up_no_other(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(200)) as receiver:
        await channels(stage.live, receiver)
        for event in (b"", b"short", b"\x09" * 80):
            await stage.redis.xadd(stage.shard.keys.events, {"e": event})
        await silence(stage, 1)
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down"]
    assert await left(stage) == (0, 0)


async def test_a_delivery_that_cannot_be_read_is_given_up_and_reported(
    stage: Stage, teller: Teller, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(answering(200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1, 2, 3)
        await deliver(stage.shard, 10)
        short, huge, _ = sorted(await stage.redis.hkeys(stage.shard.keys.deliveries))
        record = await stage.redis.hget(stage.shard.keys.deliveries, huge)
        await stage.redis.hset(stage.shard.keys.deliveries, short, record[:9])
        late = record[:5] + b"\xff" * 6 + record[11:]
        await stage.redis.hset(stage.shard.keys.deliveries, huge, late)
        await teller.finish()
        assert [one.monitor for one in told(receiver)] == ["job 3"]
    assert caplog.text.count("cannot be read and is given up") == 2
    assert await left(stage) == (0, 0)


async def test_a_webhook_has_the_address_of_the_monitors_page_where_that_is_known(
    stage: Stage, teller: Teller
) -> None:
    teller.dispatch._base_url = "https://overdue.example.org"
    async with receiving(answering(200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
    [call] = told(receiver)
    assert call.message["data"]["url"].startswith("https://overdue.example.org/monitors/")
