"""An event becomes one delivery per channel; a delivery is leased, attempted and settled, in order and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from store.live.channels import put_channels
from store.live.delivering import Delivered, Lease, Leased, Settlement, deliver, lease, renew, settle
from store.live.packing import Event, EventKind
from store.projection import ChannelTarget, PutChannels
from tests.stage import ORG, START_MS, Stage, config_of

LEASE_MS = 5000


async def go_down(stage: Stage, *monitor_ids: int) -> None:
    """These monitors are created and fall silent."""
    began = (stage.now_ms - START_MS) / 1000
    for monitor_id in monitor_ids:
        await stage.put(config_of(monitor_id, 1, 0))
    await stage.listen(until=began + 1)
    await stage.sweep()


async def make(stage: Stage, limit: int = 100) -> Delivered:
    return await deliver(stage.shard, limit)


async def take(stage: Stage, limit: int = 100, busy: Sequence[int] = ()) -> list[Lease]:
    return (await lease(stage.shard, limit, LEASE_MS, busy)).leases


async def finish(stage: Stage, one: Lease, settlement: Settlement = "done", wait_ms: int = 0) -> bool:
    return await settle(stage.shard, one, settlement, wait_ms)


async def pass_ms(stage: Stage, ms: int) -> None:
    await stage.move_to((stage.now_ms - START_MS + ms) / 1000)


def told(leases: Sequence[Lease]) -> list[tuple[int, str, int]]:
    """What is to be told, as (channel, kind, monitor), sorted."""
    return sorted(
        (one.channel_id, one.event.kind.name, one.event.monitor_id)
        for one in leases
        if isinstance(one.event, Event)
    )


async def rest(stage: Stage) -> tuple[int, int, int]:
    """How many deliveries, due ones and lines are left."""
    keys = stage.shard.keys
    return (
        await stage.redis.hlen(keys.deliveries),
        await stage.redis.zcard(keys.due),
        await stage.redis.hlen(keys.lines),
    )


async def test_an_event_becomes_one_delivery_per_channel(stage: Stage) -> None:
    await stage.channels(7, 8)
    await go_down(stage, 1)
    delivered = await make(stage)
    assert (delivered.events, delivered.deliveries, delivered.kinds) == (1, 2, [EventKind.DOWN])
    assert told(await take(stage)) == [(7, "DOWN", 1), (8, "DOWN", 1)]


async def test_an_event_is_acknowledged_with_its_deliveries_and_makes_none_twice(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1, 2)
    made = await make(stage)
    assert made.deliveries == 2
    assert await make(stage) == Delivered(0, 0, [], made.last)
    assert await rest(stage) == (2, 2, 2)


async def test_it_says_up_to_which_event_all_are_deliveries(stage: Stage) -> None:
    await stage.channels(7)
    assert (await make(stage)).last == "0-0"
    await go_down(stage, 1, 2, 3)
    _, second, third = [entry.decode() for entry, _ in await stage.redis.xrange(stage.shard.keys.events)]
    assert [(await make(stage, limit=2)).last for _ in range(2)] == [second, third]


async def test_several_sweepers_at_once_share_the_events(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, *range(1, 21))
    made = await asyncio.gather(*(make(stage, limit=3) for _ in range(10)))
    assert sum(one.events for one in made) == 20
    assert len(await take(stage)) == 20


async def test_a_limit_leaves_the_later_events_for_the_next_step(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1, 2, 3)
    assert [(await make(stage, limit=2)).events for _ in range(3)] == [2, 1, 0]


async def test_without_channels_events_are_acknowledged_and_make_no_deliveries(stage: Stage) -> None:
    await go_down(stage, 1)
    delivered = await make(stage)
    assert (delivered.events, delivered.deliveries) == (1, 0)
    await stage.channels(7)
    assert (await make(stage)).events == 0


async def test_an_incident_that_was_closed_is_told_to_nobody(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await stage.put(config_of(1, 1, 0, version=2, paused=True))
    delivered = await make(stage)
    assert (delivered.kinds, delivered.deliveries) == ([EventKind.DOWN, EventKind.CLOSED], 1)


async def test_an_up_waits_until_its_down_is_settled(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await stage.ping(1)
    await make(stage)
    [down] = await take(stage)
    assert told([down]) == [(7, "DOWN", 1)]
    assert await take(stage) == []
    await finish(stage, down)
    [up] = await take(stage)
    assert told([up]) == [(7, "UP", 1)]
    assert up.event and down.event and up.event.incident_id == down.event.incident_id
    await finish(stage, up)
    assert await rest(stage) == (0, 0, 0)


async def test_an_up_waits_too_when_its_down_is_tried_again(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    [down] = await take(stage)
    await finish(stage, down, "retry", 60_000)
    await stage.ping(1)
    await make(stage)
    assert await take(stage) == []
    await pass_ms(stage, 60_000)
    assert told(await take(stage)) == [(7, "DOWN", 1)]


async def test_an_up_that_comes_after_its_down_was_settled_is_due_at_once(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    [down] = await take(stage)
    await finish(stage, down)
    await stage.ping(1)
    await make(stage)
    assert told(await take(stage)) == [(7, "UP", 1)]


async def test_other_channels_and_other_incidents_do_not_wait(stage: Stage) -> None:
    await stage.channels(7, 8)
    await go_down(stage, 1, 2)
    await stage.ping(1)
    await make(stage)
    downs = await take(stage)
    done = next(one for one in downs if told([one]) == [(8, "DOWN", 1)])
    await finish(stage, done)
    assert told(await take(stage)) == [(8, "UP", 1)]


async def test_a_second_incident_of_a_monitor_does_not_wait_for_the_first(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    [first] = await take(stage)
    await finish(stage, first, "retry", 600_000)
    await pass_ms(stage, 100)
    await stage.ping(1)
    await stage.listen(until=3)
    await stage.sweep()
    await make(stage)
    [second] = await take(stage)
    assert told([second]) == [(7, "DOWN", 1)]
    assert first.event and second.event and first.event.incident_id != second.event.incident_id


async def test_a_retry_is_due_after_its_wait_and_counts_the_attempt(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    [first] = await take(stage)
    assert first.attempt == 1
    assert await finish(stage, first, "retry", 10_000)
    await pass_ms(stage, 9_999)
    assert await lease(stage.shard, 10, LEASE_MS, ()) == Leased(1, [])
    await pass_ms(stage, 1)
    [second] = await take(stage)
    assert (second.delivery_id, second.attempt, second.event) == (first.delivery_id, 2, first.event)


async def test_a_lease_that_is_not_settled_ends_and_the_delivery_is_handed_out_again(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    [first] = await take(stage)
    await pass_ms(stage, LEASE_MS - 1)
    assert await take(stage) == []
    await pass_ms(stage, 1)
    [second] = await take(stage)
    assert (second.delivery_id, second.attempt, second.leases) == (first.delivery_id, 1, 2)


@pytest.mark.parametrize("settlement", ["done", "retry", "dead", "gone"])
async def test_whoever_lost_the_lease_settles_nothing(stage: Stage, settlement: Settlement) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    [lost] = await take(stage)
    await pass_ms(stage, LEASE_MS)
    [ours] = await take(stage)
    before = await stage.redis.zscore(stage.shard.keys.due, lost.delivery_id)
    assert not await finish(stage, lost, settlement, 99_000)
    assert await rest(stage) == (1, 1, 1)
    assert await stage.redis.zscore(stage.shard.keys.due, lost.delivery_id) == before
    assert await stage.redis.hlen(stage.shard.keys.dead) == 0
    assert await finish(stage, ours)


async def test_settling_what_was_settled_changes_nothing(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    [one] = await take(stage)
    assert [await finish(stage, one), await finish(stage, one, "dead")] == [True, False]
    assert await stage.redis.hlen(stage.shard.keys.dead) == 0


async def test_renewing_prolongs_what_is_still_ours_and_nothing_else(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1, 2, 3)
    await make(stage)
    lost, kept, settled = await take(stage)
    await finish(stage, settled)
    await pass_ms(stage, LEASE_MS - 1000)
    assert await renew(stage.shard, LEASE_MS, [kept, settled]) == 1
    await pass_ms(stage, 1000)
    [again] = await take(stage)
    assert (again.delivery_id, again.leases) == (lost.delivery_id, 2)
    await pass_ms(stage, 1000)
    assert await renew(stage.shard, 60_000, [lost]) == 0
    await pass_ms(stage, LEASE_MS - 2000)
    assert [one.delivery_id for one in await take(stage)] == [kept.delivery_id]


async def test_what_was_meant_for_a_deleted_channel_is_dropped_and_is_no_dead_letter(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    await stage.channels(version=2)
    [one] = await take(stage)
    assert one.channel is None
    assert await finish(stage, one, "gone")
    assert await rest(stage) == (0, 0, 0)
    assert await stage.redis.hlen(stage.shard.keys.dead) == 0


async def test_a_busy_channel_is_passed_over_and_its_deliveries_stay_due(stage: Stage) -> None:
    await stage.channels(7, 8)
    await go_down(stage, *range(1, 11))
    await make(stage)
    leases = await take(stage, limit=5, busy=[7])
    assert {one.channel_id for one in leases} == {8}
    assert len(leases) == 5
    assert len(await take(stage, busy=[8])) == 10


async def test_a_limit_is_kept_and_the_rest_is_due_at_once(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1, 2, 3)
    await make(stage)
    leased = await lease(stage.shard, 2, LEASE_MS, ())
    assert (len(leased.leases), leased.next_due_in_ms) == (2, 0)
    assert len(await take(stage)) == 1


async def test_when_the_next_delivery_is_due_is_said_with_the_leases(stage: Stage) -> None:
    assert await lease(stage.shard, 1, LEASE_MS, ()) == Leased(None, [])
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    assert (await lease(stage.shard, 1, LEASE_MS, ())).next_due_in_ms == LEASE_MS


async def test_a_busy_channel_with_a_long_queue_does_not_starve_the_others(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, *range(1, 601))
    for _ in range(3):
        await stage.sweep()
    await make(stage, limit=1000)
    await stage.channels(7, 8, version=2)
    await go_down(stage, 601)
    await make(stage)
    assert told(await take(stage, busy=[7])) == [(8, "DOWN", 601)]


async def test_somewhere_in_a_very_long_queue_of_a_busy_channel_everybodys_turn_comes(stage: Stage) -> None:
    await stage.channels(7, 8)
    await go_down(stage, 1)
    await make(stage)
    event = (await stage.redis.hvals(stage.shard.keys.deliveries))[0]
    waiting = {f"{number}-1:{8 if number == 3000 else 7}": number for number in range(1, 10_001)}
    await stage.redis.delete(stage.shard.keys.due)
    await stage.redis.zadd(stage.shard.keys.due, waiting)
    await stage.redis.hset(stage.shard.keys.deliveries, mapping=dict.fromkeys(waiting, event))
    leased: list[Lease] = []
    for _ in range(8):
        await pass_ms(stage, 100)
        leased += await take(stage, busy=[7])
    assert [one.delivery_id for one in leased] == ["3000-1:8"]


async def test_a_delivery_that_cannot_be_read_blocks_nothing(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1, 2)
    await make(stage)
    first = (await stage.redis.zrange(stage.shard.keys.due, 0, 0))[0]
    await stage.redis.hset(stage.shard.keys.deliveries, first, b"x")
    assert len(await take(stage)) == 1
    await pass_ms(stage, LEASE_MS)
    assert len(await take(stage)) == 1


async def test_a_delivery_whose_event_cannot_be_read_can_be_dropped(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    name = (await stage.redis.zrange(stage.shard.keys.due, 0, 0))[0]
    await stage.redis.hset(stage.shard.keys.deliveries, name, b"\x01\x00\x00cut")
    [one] = await take(stage)
    assert one.event is None
    assert await finish(stage, one, "gone")
    assert await rest(stage) == (0, 0, 0)


async def test_an_event_that_cannot_be_read_stops_no_other_event(stage: Stage) -> None:
    await stage.channels(7)
    await stage.redis.xadd(stage.shard.keys.events, {"e": b"\x01\x01cut"})
    await go_down(stage, 1)
    await make(stage)
    assert told(await take(stage)) == [(7, "DOWN", 1)]


async def test_an_older_version_of_the_channels_is_ignored(stage: Stage) -> None:
    await stage.channels(7, version=2)
    await stage.channels(8, 9, version=1)
    await stage.channels(8, 9, version=2)
    await go_down(stage, 1)
    await make(stage)
    assert told(await take(stage)) == [(7, "DOWN", 1)]


async def test_channels_that_are_missing_from_the_list_are_gone(stage: Stage) -> None:
    await stage.channels(7, 8, 9)
    await stage.channels(8, version=2)
    assert await stage.redis.hkeys(stage.shard.keys.channels) == [b"8"]
    await go_down(stage, 1)
    await make(stage)
    assert told(await take(stage)) == [(8, "DOWN", 1)]


async def test_a_change_of_channels_leaves_those_of_other_organisations_alone(stage: Stage) -> None:
    others = tuple(ChannelTarget(number, "webhook", b"{}") for number in range(10, 30))
    await put_channels(stage.shard, PutChannels(ORG + 1, 1, others))
    await stage.channels(1, 2, 3)
    await stage.channels(1, version=2)
    left = {int(name) for name in await stage.redis.hkeys(stage.shard.keys.channels)}
    assert left == {1, *range(10, 30)}


async def test_a_channel_is_handed_out_as_it_is_now(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await make(stage)
    changed = ChannelTarget(7, "webhook", b'{"url":"another"}')
    await put_channels(stage.shard, PutChannels(ORG, 2, (changed,)))
    assert [one.channel for one in await take(stage)] == [changed]
