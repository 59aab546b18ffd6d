"""Receivers that hang, and receivers that ask for a pause, hold up themselves and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import msgspec
import pytest

from store.live.channel_event import ChannelTold, TrialEvent
from store.live.letters import Moved, MovedTo, letter_entry
from store.live.telling import try_channel
from store.projection import ChannelTarget, PutChannels
from sweeper.channels.attempt import ATTEMPTS_PER_CHANNEL
from sweeper.schedule import LOOK_EVERY_S
from sweeper.turns import ATTEMPTS_AT_ONCE, MORE_AT_ONCE
from tests.stage import ORG, Stage, config_of
from tests.sweeper.channels.receivers import SECRET, Receiver, answering, hanging, receiving
from tests.sweeper.telling import Teller, channels, in_turn, silence, telling, told

HANGING, OF_EACH = 40, 100
HEALTHY_ORG = 2
SOON_S = 1.0


@pytest.fixture
async def teller(stage: Stage) -> AsyncIterator[Teller]:
    async with telling(stage.shard) as teller:
        yield teller


async def moves(stage: Stage) -> list[Moved]:
    entries = await stage.redis.xrange(stage.shard.keys.letters)
    records = [record for entry in entries for record in letter_entry(*entry).records]
    return [one for one in records if isinstance(one, Moved)]


async def belong(stage: Stage, org_id: int, first: int, receivers: Sequence[Receiver]) -> None:
    targets = tuple(
        ChannelTarget(number, "webhook", msgspec.json.encode({"url": one.url(), "secret": SECRET}))
        for number, one in enumerate(receivers, first)
    )
    await stage.live.project(PutChannels(org_id, 1, targets))


async def go_on(teller: Teller, seconds: float) -> None:
    """Dispatch as it does by itself, for a while."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + seconds
    while (left_s := until_s - loop.time()) > 0:
        await asyncio.sleep(min(await teller.step(), left_s, LOOK_EVERY_S))


@pytest.mark.parametrize("is_known", [False, True])
async def test_forty_that_hang_with_thousands_of_messages_delay_nobody_else(
    stage: Stage, teller: Teller, is_known: bool
) -> None:
    """Both where nobody knows them yet, and where they were quick until now."""
    replies = (answering(200), hanging) if is_known else (hanging,)
    async with AsyncExitStack() as stack:
        well = await stack.enter_async_context(receiving(answering(200)))
        stuck = [await stack.enter_async_context(receiving(in_turn(*replies))) for _ in range(HANGING)]
        await belong(stage, ORG, 2, stuck)
        await belong(stage, HEALTHY_ORG, 1, [well])
        if is_known:
            await silence(stage, 1000)
            await teller.finish()
        await silence(stage, *range(1, OF_EACH + 1), second=100)
        await go_on(teller, 1.2)
        assert all(len(one.calls) > is_known for one in stuck)
        for number in range(2001, 2004):
            await stage.put(msgspec.structs.replace(config_of(number), org_id=HEALTHY_ORG))
        await stage.listen(until=141)
        while (await stage.sweep()).looked_at:
            pass
        await teller.until(lambda: len(well.calls) == 3, SOON_S)
        assert len({one.incident_id for one in told(well)}) == 3
        assert teller.under_way <= HANGING + MORE_AT_ONCE < ATTEMPTS_AT_ONCE
        assert max(len(one.calls) for one in stuck) <= is_known + ATTEMPTS_PER_CHANNEL


# Pauses


async def test_a_pause_that_a_receiver_asks_for_is_one_for_its_whole_channel(
    stage: Stage, teller: Teller
) -> None:
    async with (
        receiving(in_turn(answering(429, "Retry-After: 600"), answering(200))) as receiver,
        receiving(answering(200)) as other,
    ):
        await channels(stage.live, receiver, other)
        await silence(stage, *range(1, 31))
        await teller.finish()
        assert (len(receiver.calls), len(other.calls)) == (1, 30)
        waits = [one for one in await moves(stage) if one.to == MovedTo.WAITING]
        assert len(waits) == 29
        assert {one.attempt for one in waits} == {0}
        assert all("asked for a pause" in one.reason and one.next_ms > stage.now_ms for one in waits)
        await stage.move_to(41 + 599)
        await teller.finish()
        assert len(receiver.calls) == 1
        await stage.move_to(41 + 661)
        await teller.finish()
    assert len({one.webhook_id for one in told(receiver)}) == 30
    assert len(receiver.calls) == 31
    # Nobody's attempts were used up by waiting.
    delivered = [one for one in await moves(stage) if one.to == MovedTo.DELIVERED]
    assert sorted(one.attempt for one in delivered) == [1] * 59 + [2]


async def test_whoever_starts_anew_heeds_a_pause_too(stage: Stage, teller: Teller) -> None:
    async with receiving(in_turn(answering(503, "Retry-After: 600"), answering(200))) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await teller.step()
        await teller.crash()
        async with telling(stage.shard) as another:
            await silence(stage, *range(2, 10), second=82)
            await another.finish()
            assert len(receiver.calls) == 1


async def test_a_trial_does_not_wait_and_one_that_is_taken_ends_the_pause(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(in_turn(answering(429, "Retry-After: 600"), answering(200))) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        trial = TrialEvent(
            at_ms=stage.now_ms,
            org_id=ORG,
            delivery_id=UUID(int=5),
            channel_id=1,
            told=ChannelTold("a", "b", "webhook"),
        )
        assert await try_channel(stage.shard, trial)
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down", "channel.test"]
        await silence(stage, 2, second=82)
        await teller.finish()
        assert len(receiver.calls) == 3
