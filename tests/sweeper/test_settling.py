"""What a receiver has answered is not asked of it again while this process lives, and a crash is no failed attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from store.live.delivering import Lease, Report, deliver, lease, settle
from store.live.letters import Moved, MovedTo, letter_entry
from store.live.live import Live
from sweeper import settling
from sweeper.dispatch import DEADLY, LEASE_MS, LEASES_PER_ATTEMPT
from sweeper.schedule import WAITS_S
from sweeper.settling import Settling
from tests.patience import until
from tests.proxy import FaultProxy
from tests.stage import CLOCK, GENERATION, START_MS, Stage
from tests.sweeper.channels.receivers import Reply, answering, receiving
from tests.sweeper.telling import Teller, channels, silence, telling

LEASE_S = LEASE_MS // 1000


async def leased(stage: Stage) -> list[Lease]:
    return (await lease(stage.shard, 100, LEASE_MS, ())).leases


async def leased_twice(stage: Stage) -> tuple[Lease, Lease]:
    """A delivery as it was leased, and as it was leased again when that had ended."""
    await stage.channels(7)
    await silence(stage, 1)
    await deliver(stage.shard, 10)
    [first] = await leased(stage)
    await stage.move_to(41 + LEASE_S)
    [again] = await leased(stage)
    return first, again


async def moves(stage: Stage) -> list[Moved]:
    entries = await stage.redis.xrange(stage.shard.keys.letters)
    records = [record for entry in entries for record in letter_entry(*entry).records]
    return [one for one in records if isinstance(one, Moved)]


async def nothing_left(stage: Stage) -> bool:
    tallies = await stage.live.tallies()
    return (tallies.deliveries, tallies.dead_letters) == (0, 0)


async def second(stage: Stage) -> float:
    return (stage.now_ms - START_MS) / 1000


# A crash is no failed attempt


async def test_leases_that_end_without_a_word_are_no_failed_attempts(stage: Stage) -> None:
    async with receiving(answering(500)) as receiver, telling(stage.shard) as teller:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await deliver(stage.shard, 10)
        for _ in range(11):
            assert len(await leased(stage)) == 1
            await stage.move_to(await second(stage) + LEASE_S)
        await teller.finish()
        assert len(receiver.calls) == 1
    [failed] = await moves(stage)
    assert (failed.attempt, failed.to) == (1, MovedTo.RETRYING)
    assert WAITS_S[0] * 1000 <= failed.next_ms - stage.now_ms <= WAITS_S[0] * 1100


async def test_an_attempt_that_failed_ends_the_count_of_its_leases(stage: Stage) -> None:
    await stage.channels(7)
    await silence(stage, 1)
    await deliver(stage.shard, 10)
    for _ in range(3):
        [one] = await leased(stage)
        await stage.move_to(await second(stage) + LEASE_S)
    assert (one.attempt, one.leases) == (1, 3)
    assert await settle(stage.shard, one, "retry", 0)
    [after] = await leased(stage)
    assert (after.attempt, after.leases) == (2, 1)


async def test_what_ends_every_sweeper_waits_longer_and_longer_and_is_a_dead_letter_in_the_end(
    stage: Stage,
) -> None:
    async with receiving(answering(200)) as receiver, telling(stage.shard) as teller:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await deliver(stage.shard, 10)
        waits_s = []
        for _ in range(LEASES_PER_ATTEMPT):
            [one] = await leased(stage)
            due_ms = await stage.redis.zscore(stage.shard.keys.due, one.delivery_id)
            waits_s.append((due_ms - stage.now_ms) / 1000)
            await stage.move_to((due_ms - START_MS) / 1000)
        assert waits_s[:18] == [LEASE_S] * 16 + [2 * LEASE_S, 4 * LEASE_S]
        assert (max(waits_s), waits_s[-1]) == (3600, 3600)
        assert 36 < sum(waits_s) / 3600 < 60
        await teller.finish()
        assert receiver.calls == []
    [dead] = await moves(stage)
    assert (dead.attempt, dead.to, dead.reason) == (0, MovedTo.DEAD, DEADLY)


async def test_every_lease_has_another_token_however_many_there_were(stage: Stage) -> None:
    await stage.channels(7)
    await silence(stage, 1)
    await deliver(stage.shard, 10)
    former: Lease | None = None
    for _ in range(300):
        [one] = await leased(stage)
        assert one.attempt == 1
        assert former is None or not await settle(stage.shard, former, "done")
        former = one
        await stage.move_to(await second(stage) + 3600)


# What was answered is not asked again


@asynccontextmanager
async def cut_off_by(stage: Stage, folder: Path) -> AsyncIterator[tuple[FaultProxy, Teller]]:
    """A dispatcher whose way to Redis a proxy may close."""
    async with FaultProxy(folder / "proxy", stage.live.url) as proxy:
        far = Live(proxy.url, 1, GENERATION, CLOCK)
        async with telling(far.shards[0]) as teller:
            yield proxy, teller
        await far.aclose()


def closing(proxy: FaultProxy) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        proxy.refuse()
        await answering(200)(writer)

    return reply


@pytest.mark.parametrize("is_leased_again", [False, True])
async def test_what_cannot_be_settled_for_long_is_settled_later_and_not_sent_again(
    is_leased_again: bool, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SETTLE_WITHIN_S", 0.2)
    async with cut_off_by(stage, tmp_path) as (proxy, teller), receiving(closing(proxy)) as receiver:
        await channels(stage.live, *[receiver] * 3)
        await silence(stage, 1)
        await teller.step()
        await asyncio.wait(list(teller.dispatch._under_way))
        await stage.move_to(41 + LEASE_S)
        if is_leased_again:
            # As by a call whose reply was lost.
            assert len(await leased(stage)) == 3
        await proxy.accept()
        await teller.step()
        await stage.move_to(41 + 2 * LEASE_S)
        await teller.finish()
        assert len(receiver.calls) == 3
    assert await nothing_left(stage)
    assert [(one.attempt, one.to) for one in await moves(stage)] == [(1, MovedTo.DELIVERED)] * 3


async def test_a_step_of_the_clock_does_not_send_again_what_is_under_way(stage: Stage) -> None:
    answer = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await answer.wait()
        await answering(200)(writer)

    async with receiving(slowly) as receiver, telling(stage.shard) as teller:
        await channels(stage.live, receiver, receiver)
        await silence(stage, 1)
        await teller.until(lambda: len(receiver.calls) == 2)
        await stage.move_to(41 + 90)

        async def is_nothing_due() -> bool:
            await teller.step()
            return not await stage.redis.zcount(stage.shard.keys.due, 0, stage.now_ms)

        await until(is_nothing_due)
        answer.set()
        await teller.finish()
        assert len(receiver.calls) == 2
    assert await nothing_left(stage)


async def test_a_lease_that_an_attempt_got_on_its_way_settles_it(stage: Stage) -> None:
    mine, first, second_one = Settling(stage.shard), *await leased_twice(stage)
    assert [mine.begin(first), mine.begin(second_one)] == [True, False]
    assert mine.leases() == [second_one]
    assert await mine.settle(first, "done", 0, Report())
    assert await nothing_left(stage)


async def test_an_answer_whose_lease_was_lost_is_forgotten_after_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, lost, other = Settling(stage.shard), *await leased_twice(stage)
    assert mine.begin(lost)
    await mine.settle(lost, "done", 0, Report())
    mine.end(lost)
    monkeypatch.setattr(settling, "LOST_FOR_MS", -1)
    assert mine.begin(other)


async def test_a_dead_letter_that_is_sent_again_is_attempted_though_its_former_answer_is_remembered(
    stage: Stage,
) -> None:
    mine = Settling(stage.shard)
    await stage.channels(7)
    await silence(stage, 1)
    await deliver(stage.shard, 10)
    [one] = await leased(stage)
    assert mine.begin(one)
    assert await settle(stage.shard, one, "dead")
    # As if the reply to that had been lost.
    await mine.settle(one, "dead", 0, Report())
    mine.end(one)
    assert await stage.live.retry_letter(0, one.delivery_id) == 1
    [again] = await leased(stage)
    assert mine.begin(again)


async def test_the_next_attempt_is_made_though_somebody_else_has_settled_the_former_one(stage: Stage) -> None:
    mine, lost, other = Settling(stage.shard), *await leased_twice(stage)
    assert mine.begin(lost)
    await mine.settle(lost, "retry", 0, Report())
    mine.end(lost)
    assert await settle(stage.shard, other, "retry", 0)
    await leased(stage)
    await stage.move_to(41 + 2 * LEASE_S)
    [after] = await leased(stage)
    assert (after.attempt, after.leases) == (2, 2)
    assert mine.begin(after)


async def test_no_more_is_remembered_than_its_bound(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SETTLE_WITHIN_S", 0.2)
    monkeypatch.setattr(settling, "REMEMBERED", 2)
    async with cut_off_by(stage, tmp_path) as (proxy, teller), receiving(closing(proxy)) as receiver:
        await channels(stage.live, *[receiver] * 3)
        await silence(stage, 1)
        await teller.step()
        await asyncio.wait(list(teller.dispatch._under_way))
        await proxy.accept()
        await teller.step()
        await stage.move_to(41 + LEASE_S)
        receiver._reply = answering(200)
        await until(lambda: _is_told(stage, teller))
        assert len(receiver.calls) == 4


async def _is_told(stage: Stage, teller: Teller) -> bool:
    await teller.finish()
    return await nothing_left(stage)
