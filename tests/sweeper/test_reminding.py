"""That a monitor is still down is told in its place, where that is news, and never in the way of its end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.live.dead_letters import retry_letter
from store.live.delivering import Lease, deliver, lease, settle
from store.live.letters import Moved, MovedTo, letter_entry
from store.monitor_rules import MonitorRules
from store.projection import Burst, ChannelTarget, PutChannels
from tests.packed_events import remind
from tests.stage import ORG, START_MS, Stage, config_of
from tests.sweeper.channels.receivers import answering, receiving
from tests.sweeper.telling import Teller, channels, in_turn, silence, statuses, telling, told

PEOPLE = 7


@pytest.fixture
async def teller(stage: Stage) -> AsyncIterator[Teller]:
    async with telling(stage.shard) as teller:
        yield teller


async def people(stage: Stage, size: int = 2) -> None:
    target = ChannelTarget(PEOPLE, "email", b"{}", burst=Burst(size, 60))
    await stage.live.project(PutChannels(ORG, 1, (target,)))


async def take(stage: Stage) -> list[Lease]:
    while (await deliver(stage.shard, 128)).events:
        pass
    return (await lease(stage.shard, 100, 5000, ())).leases


def kinds(leases: list[Lease]) -> list[str]:
    return [one.event.kind.name for one in leases if one.event]


async def settle_all(stage: Stage, leases: list[Lease]) -> None:
    for one in leases:
        assert await settle(stage.shard, one, "done")


async def moves(stage: Stage) -> list[Moved]:
    entries = await stage.redis.xrange(stage.shard.keys.letters)
    records = [record for entry in entries for record in letter_entry(*entry).records]
    return [one for one in records if isinstance(one, Moved)]


async def test_each_reminder_is_a_message_of_its_own_between_the_down_and_the_up(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(answering(200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        for second in (100, 160):
            await stage.move_to(second)
            await remind(stage, 1)
            await teller.finish()
        await stage.ping(1)
        await teller.finish()
        calls = told(receiver)
    assert [one.type for one in calls] == [
        "monitor.down",
        "monitor.reminder",
        "monitor.reminder",
        "monitor.up",
    ]
    assert len({one.webhook_id for one in calls}) == 4
    assert len({one.incident_id for one in calls}) == 1
    incident = calls[1].message["data"]["incident"]
    assert (incident["startedAt"], incident["endedAt"]) == ("2027-01-15T08:00:40.000Z", None)
    assert calls[1].message["timestamp"] == "2027-01-15T08:01:40.000Z"


async def test_the_sweep_reminds_as_often_as_the_monitor_asks_for(stage: Stage, teller: Teller) -> None:
    async with receiving(answering(200)) as receiver:
        await channels(stage.live, receiver)
        await stage.put(config_of(1, rules=MonitorRules(reminder_s=60)))
        for second in (41, 101, 161):
            await stage.listen(until=second)
            await stage.sweep()
            await teller.finish()
        assert [one.type for one in told(receiver)] == [
            "monitor.down",
            "monitor.reminder",
            "monitor.reminder",
        ]


async def test_whoever_has_not_heard_of_the_down_is_not_reminded_of_it(stage: Stage, teller: Teller) -> None:
    async with receiving(statuses(500, 200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await remind(stage, 1)
        await teller.finish()
        await stage.move_to(60)
        await teller.finish()
        await stage.ping(1)
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down", "monitor.down", "monitor.up"]


async def test_a_down_that_was_given_up_is_not_reminded_of(stage: Stage) -> None:
    await people(stage)
    await silence(stage, 1)
    [down] = await take(stage)
    await settle(stage.shard, down, "dead")
    await remind(stage, 1)
    assert await take(stage) == []
    assert await retry_letter(stage.shard, down.delivery_id) == 1


async def test_an_up_waits_behind_a_reminder_that_is_tried_again_but_not_for_long(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(statuses(200, 500, 500, 500, 200)) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await remind(stage, 1)
        await teller.finish()
        await stage.ping(1)
        for second in (50, 70):
            await teller.finish()
            await stage.move_to(second)
        await teller.finish()
        assert [one.type for one in told(receiver)] == [
            "monitor.down",
            *["monitor.reminder"] * 3,
            "monitor.up",
        ]
    assert await stage.redis.hlen(stage.shard.keys.dead) == 0
    [dropped] = [one for one in await moves(stage) if one.to == MovedTo.DROPPED]
    assert (dropped.attempt, dropped.status) == (3, 500)


async def test_a_receiver_that_asks_for_a_long_pause_is_not_reminded(stage: Stage, teller: Teller) -> None:
    async with receiving(
        in_turn(answering(200), answering(503, "Retry-After: 3600"), answering(200))
    ) as receiver:
        await channels(stage.live, receiver)
        await silence(stage, 1)
        await teller.finish()
        await remind(stage, 1)
        await stage.ping(1)
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down", "monitor.reminder"]
        await stage.move_to(stage.now_ms / 1000 - START_MS / 1000 + 3601)
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down", "monitor.reminder", "monitor.up"]


async def test_during_a_pause_nobody_is_reminded(stage: Stage, teller: Teller) -> None:
    async with receiving(in_turn(answering(200), answering(429, "Retry-After: 3600"), answering(200))) as one:
        await channels(stage.live, one)
        await silence(stage, 1)
        await teller.finish()
        await silence(stage, 2, second=82)
        await teller.finish()
        await remind(stage, 1)
        await teller.finish()
        await stage.move_to(82 + 3600 * 1.1)
        await teller.finish()
        assert [call.type for call in told(one)] == ["monitor.down"] * 3


async def test_a_channel_that_fails_for_a_reminder_is_told_of_to_the_others(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(statuses(200, 410)) as gone, receiving(answering(200)) as other:
        await channels(stage.live, gone, other)
        await silence(stage, 1)
        await teller.finish()
        await remind(stage, 1)
        await teller.finish()
        await teller.finish()
        assert [one.type for one in told(other)] == ["monitor.down", "monitor.reminder", "channel.failing"]
        assert await stage.live.refusals() == {1: (1, START_MS + 41_000)}


async def test_people_are_not_reminded_one_by_one_of_what_they_heard_among_many(stage: Stage) -> None:
    await people(stage)
    await silence(stage, *range(1, 6))
    alone = await take(stage)
    assert kinds(alone) == ["DOWN", "DOWN"]
    await settle_all(stage, alone)
    await stage.move_to(102)
    await settle_all(stage, await take(stage))
    await stage.move_to(200)
    heard_alone = [one.event.monitor_id for one in alone if one.event]
    await remind(stage, *(set(range(1, 6)) - set(heard_alone)), *heard_alone)
    reminders = await take(stage)
    assert kinds(reminders) == ["REMINDER", "REMINDER"]
    assert sorted(one.event.monitor_id for one in reminders if one.event) == sorted(heard_alone)


async def test_people_are_reminded_of_so_many_monitors_in_a_window(stage: Stage) -> None:
    await people(stage)
    for number in range(1, 6):
        await silence(stage, number, second=41 + number * 61)
        await settle_all(stage, await take(stage))
    await remind(stage, *range(1, 6))
    first = await take(stage)
    assert kinds(first) == ["REMINDER", "REMINDER"]
    await settle_all(stage, first)
    await stage.move_to(500)
    await remind(stage, *range(1, 6))
    assert kinds(await take(stage)) == ["REMINDER", "REMINDER"]
