"""A channel that fails is reported through the others: once an outage, and round in no circle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from store.live.channel_event import ChannelTold, FailingEvent, TrialEvent
from store.live.delivering import Report, deliver, lease, settle
from store.live.telling import try_channel
from store.projection import ChannelTarget, PutChannels
from tests.stage import ORG, START_MS, Stage
from tests.sweeper.channels.receivers import answering, receiving
from tests.sweeper.telling import Teller, channels, silence, statuses, telling, told

FAILS = Report(reason="the receiver answered 500", failing=ChannelTold("p", "night", "webhook", "why"))
PARTLY = Report(reason="one is refused", failing=ChannelTold("p", "n", "email", "why", is_partial=True))
BAD, GOOD = 7, 8


@pytest.fixture
async def teller(stage: Stage) -> AsyncIterator[Teller]:
    async with telling(stage.shard) as teller:
        yield teller


async def two(stage: Stage, *, good_is_default: bool = True, epoch: int = 1, version: int = 1) -> None:
    targets = (
        ChannelTarget(BAD, "webhook", b"{}", epoch),
        ChannelTarget(GOOD, "webhook", b"{}", is_default=good_is_default),
    )
    await stage.live.project(PutChannels(ORG, version, targets))


async def go_down(stage: Stage, monitor_id: int) -> None:
    second = (stage.now_ms - START_MS) / 1000
    await silence(stage, monitor_id, second=second + 41)


async def round_(stage: Stage, *, bad_works: bool = False, partly: bool = False) -> list[int]:
    """Everything that is due is settled; the channels that were told of a failing one."""
    while (await deliver(stage.shard, 100)).events:
        pass
    heard = []
    for one in (await lease(stage.shard, 100, 5000, ())).leases:
        if isinstance(one.event, FailingEvent):
            heard.append(one.channel_id)
        works = one.channel_id == GOOD or bad_works
        report = None if works else PARTLY if partly else FAILS
        assert await settle(stage.shard, one, "done" if works or partly else "dead", 0, report)
    return heard


async def test_a_channel_that_asks_not_to_be_called_is_reported_with_the_reason(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(statuses(410)) as refusing, receiving(answering(200)) as other:
        await channels(stage.live, refusing, other)
        await silence(stage, 1)
        await teller.finish()
        await teller.finish()
        await silence(stage, 2, second=82)
        await teller.finish()
        kinds = [one.type for one in told(other)]
    assert kinds == ["monitor.down", "channel.failing", "monitor.down"]
    data = told(other)[1].message["data"]
    assert data["disabled"] is True
    assert data["reason"] == "the receiver answered 410 and asks never to be called again"
    assert len(refusing.calls) == 1


async def test_the_others_hear_what_a_channel_that_is_disabled_does_not_get(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(answering(200)) as disabled, receiving(answering(200)) as other:
        await channels(stage.live, disabled, other, disabled=True)
        await silence(stage, 1)
        await teller.finish()
        await teller.finish()
        assert [one.type for one in told(other)] == ["monitor.down", "channel.failing"]
        data = told(other)[1].message["data"]
    assert data["disabled"] is True
    assert data["reason"].startswith("not sent, because the channel is disabled")
    assert disabled.calls == []


async def test_a_trial_of_a_channel_that_is_disabled_is_no_dead_letter_and_no_news_for_the_others(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(answering(200)) as disabled, receiving(answering(200)) as other:
        await channels(stage.live, disabled, other, disabled=True)
        trial = TrialEvent(
            at_ms=stage.now_ms,
            org_id=ORG,
            delivery_id=UUID(int=5),
            channel_id=1,
            told=ChannelTold("p", "night", "webhook"),
        )
        assert await try_channel(stage.shard, trial)
        await teller.finish()
        await teller.finish()
        assert disabled.calls == other.calls == []
    assert await stage.redis.hlen(stage.shard.keys.dead) == 0


async def test_an_outage_is_told_once_and_the_next_one_again_but_not_within_the_hour(stage: Stage) -> None:
    await two(stage)
    heard: list[int] = []
    for monitor_id, bad_works in ((1, False), (2, False), (3, True), (4, False), (5, False)):
        await go_down(stage, monitor_id)
        heard += await round_(stage, bad_works=bad_works) + await round_(stage)
    assert heard == [GOOD]  # of the first outage; the second began within the hour
    await go_down(stage, 6)
    assert await round_(stage, bad_works=True) == []
    await stage.move_to((stage.now_ms - START_MS) / 1000 + 3601)
    await stage.ping()
    await go_down(stage, 7)
    assert await round_(stage) + await round_(stage) == [GOOD]


async def test_that_some_of_its_people_have_it_hides_no_later_message_that_nobody_has(stage: Stage) -> None:
    await two(stage)
    heard = []
    for monitor_id, partly in enumerate((True, True, False, False, True), start=1):
        await go_down(stage, monitor_id)
        heard.append(await round_(stage, partly=partly) + await round_(stage, partly=partly))
    assert heard == [[GOOD], [], [GOOD], [], []]
    await go_down(stage, 6)
    assert await round_(stage, bad_works=True) == []
    await go_down(stage, 7)
    assert await round_(stage) + await round_(stage) == []  # within the hour


async def test_a_channel_in_a_new_epoch_may_fail_again(stage: Stage) -> None:
    await two(stage)
    await go_down(stage, 1)
    assert await round_(stage) + await round_(stage) == [GOOD]
    await two(stage, epoch=2, version=2)
    await go_down(stage, 2)
    assert await round_(stage) + await round_(stage) == [GOOD]


async def test_the_default_ones_are_told_and_all_others_if_there_are_none(stage: Stage) -> None:
    await two(stage, good_is_default=False)
    await go_down(stage, 1)
    assert await round_(stage) + await round_(stage) == [GOOD]


async def test_two_channels_that_fail_do_not_talk_about_each_other_for_ever(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(answering(410)) as one, receiving(answering(410)) as other:
        await channels(stage.live, one, other)
        for number in range(1, 6):
            await silence(stage, number, second=41 * number + 1)
            for _ in range(3):
                await teller.finish()
    # The second may hear of the first while it is asked itself.
    types = sorted(call.type for call in told(one) + told(other))
    assert types in (["monitor.down"] * 2, ["channel.failing", "monitor.down", "monitor.down"])
    entries = await stage.redis.xrange(stage.shard.keys.events)
    assert len(entries) == 5 + 2


async def test_nobody_is_told_where_there_is_nobody_else(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(410)) as alone:
        await channels(stage.live, alone)
        await silence(stage, 1)
        await teller.finish()
        await teller.finish()
    assert len(alone.calls) == 1
