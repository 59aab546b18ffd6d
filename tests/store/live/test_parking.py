"""What is due and may not be attempted yet is passed over once, waits with its channel, and hides nobody else's."""

from __future__ import annotations

import pytest

from store.live.delivering import (
    PAUSE_IS_OVER,
    Leased,
    Room,
    deliver,
    lease,
    settle,
)
from store.live.letters import Moved, MovedTo, letter_entry
from tests.stage import START_MS, Stage, config_of

LEASE_MS = 5000
PAUSE_MS = 600_000


async def wait_for(stage: Stage, *names: str) -> None:
    """These deliveries are due, the first one first."""
    await stage.channels(7)
    await stage.put(config_of(1))
    await stage.listen(until=41)
    await stage.sweep()
    await deliver(stage.shard, 1)
    keys = stage.shard.keys
    [record] = await stage.redis.hvals(keys.deliveries)
    await stage.redis.delete(keys.due, keys.deliveries, keys.lines)
    await stage.channels(7, 8, 9, version=2)
    await stage.redis.zadd(keys.due, {name: number for number, name in enumerate(names)})
    await stage.redis.hset(keys.deliveries, mapping=dict.fromkeys(names, record))


async def look(stage: Stage, *rooms: Room, limit: int = 10, usual_room: int = 1, behind: int = 0) -> Leased:
    return await lease(stage.shard, limit, LEASE_MS, rooms, usual_room=usual_room, look_behind=behind)


def names(leased: Leased) -> list[str]:
    return [one.delivery_id for one in leased.leases]


def of(channel: int, count: int, since: int = 1) -> list[str]:
    return [f"{START_MS + number}-1:{channel}" for number in range(since, since + count)]


async def moves(stage: Stage) -> list[Moved]:
    entries = await stage.redis.xrange(stage.shard.keys.letters)
    records = [record for entry in entries for record in letter_entry(*entry).records]
    return [one for one in records if isinstance(one, Moved)]


async def waiting(stage: Stage) -> tuple[int, int]:
    """How many have a moment, and how many wait with their channel."""
    keys = stage.shard.keys
    return await stage.redis.zcard(keys.due), await stage.redis.zcard(keys.parked)


async def test_behind_ten_thousand_of_a_busy_channel_another_one_is_found_in_a_few_short_calls(
    stage: Stage,
) -> None:
    await wait_for(stage, *of(7, 10_000), *of(8, 1, since=20_000))
    calls = [await look(stage, Room(7, 0))]
    while calls[-1].has_more and len(calls) < 20:
        calls.append(await look(stage, Room(7, 0)))
    assert [name for one in calls for name in names(one)] == of(8, 1, since=20_000)
    assert len(calls) == 10
    # It is done once: what comes later is found at once.
    assert not (await look(stage, Room(7, 0))).has_more
    assert await waiting(stage) == (1, 10_000)


async def test_whoever_has_room_again_gets_what_waits_for_it_the_oldest_first(stage: Stage) -> None:
    await wait_for(stage, *of(7, 5))
    assert names(await look(stage)) == of(7, 1)
    assert await waiting(stage) == (1, 4)
    assert names(await look(stage, Room(7, 2))) == of(7, 2, since=2)
    # Nobody named it, as after a start of the sweeper.
    assert names(await look(stage)) == of(7, 1, since=4)


async def test_what_comes_later_does_not_overtake_what_waits_with_its_channel(stage: Stage) -> None:
    await wait_for(stage, *of(7, 3))
    await look(stage)
    late = f"{START_MS + 99}-1:7"
    keys = stage.shard.keys
    await stage.redis.hset(keys.deliveries, late, await stage.redis.hget(keys.deliveries, of(7, 1)[0]))
    await stage.redis.zadd(keys.due, {late: 1})
    assert names(await look(stage, Room(7, 2))) == of(7, 2, since=2)
    assert names(await look(stage, Room(7, 1))) == [late]


async def test_channels_that_wait_have_their_turn_in_a_circle(stage: Stage) -> None:
    channels = range(1001, 1301)
    await wait_for(stage, *(f"{START_MS + number}-1:{one}" for one in channels for number in (1, 2)))
    first = await look(stage, limit=1000)
    assert len(first.leases) == 300
    behind, found = first.looked_up_to, []
    for _ in range(3):
        again = await look(stage, limit=1000, behind=behind)
        behind = again.looked_up_to
        found += [one.channel_id for one in again.leases]
    assert sorted(found) == list(channels)


async def test_whoever_has_just_got_room_is_found_behind_many_others(stage: Stage) -> None:
    channels = range(1001, 1301)
    await wait_for(stage, *(f"{START_MS + number}-1:{one}" for one in channels for number in (1, 2)))
    await look(stage, limit=1000)
    assert names(await look(stage, Room(1300, 1), usual_room=0)) == [f"{START_MS + 2}-1:1300"]


async def test_one_that_is_settled_late_while_it_waits_is_not_handed_out_twice(stage: Stage) -> None:
    await wait_for(stage, *of(7, 1))
    [one] = (await look(stage)).leases
    await stage.move_to(41 + LEASE_MS / 1000)
    assert (await look(stage, Room(7, 0))).leases == []
    assert await waiting(stage) == (0, 1)
    await settle(stage.shard, one, "retry", 60_000)
    assert (await look(stage)).leases == []
    assert await waiting(stage) == (1, 0)


async def test_the_last_of_all_is_not_overlooked_after_a_late_settling(stage: Stage) -> None:
    await wait_for(stage, *of(7, 1))
    [one] = (await look(stage)).leases
    await stage.move_to(41 + LEASE_MS / 1000)
    await look(stage, Room(7, 0))
    await settle(stage.shard, one, "done")
    assert await look(stage) == Leased(None, [])


# Pauses


async def pause(stage: Stage, ms: int, usual_room: int = 1) -> Leased:
    return await look(stage, Room(7, 0, ms), usual_room=usual_room)


async def test_a_channel_that_pauses_is_not_attempted_until_it_is_over_and_the_log_says_so(
    stage: Stage,
) -> None:
    await wait_for(stage, *of(7, 100), *of(8, 1, since=200))
    assert names(await pause(stage, PAUSE_MS)) == of(8, 1, since=200)
    until_ms = stage.now_ms + PAUSE_MS
    told = await moves(stage)
    assert {(one.attempt, one.to, one.next_ms) for one in told} == {(0, MovedTo.WAITING, until_ms)}
    assert {one.reason for one in told} == {
        "not attempted, because the receiver asked for a pause (Retry-After)"
    }
    assert len(told) == 100
    await stage.move_to(41 + PAUSE_MS / 1000 - 0.01)
    assert (await look(stage, Room(8, 0))).leases == []
    await stage.move_to(41 + PAUSE_MS / 1000)
    [one] = (await look(stage, Room(8, 0))).leases
    assert (one.channel_id, one.attempt) == (7, 1)


async def test_what_waits_with_a_channel_pauses_too(stage: Stage) -> None:
    await wait_for(stage, *of(7, 100))
    assert len((await look(stage)).leases) == 1
    for _ in range(2):
        assert (await pause(stage, PAUSE_MS)).leases == []
    assert await waiting(stage) == (100, 0)


async def test_a_short_pause_is_waited_for_without_a_word(stage: Stage) -> None:
    await wait_for(stage, *of(7, 2))
    assert (await pause(stage, 10_000)).leases == []
    await stage.move_to(50.99)
    assert (await look(stage)).leases == []
    await stage.move_to(51)
    assert names(await look(stage)) == of(7, 1)
    assert await moves(stage) == []


async def test_a_pause_that_was_ended_is_over(stage: Stage) -> None:
    await wait_for(stage, *of(7, 1))
    await pause(stage, 10_000)
    assert names(await look(stage, Room(7, 1, PAUSE_IS_OVER))) == of(7, 1)


# How much one call makes


@pytest.mark.parametrize("channels", [100, 400])
async def test_a_call_ends_after_some_hundred_deliveries_and_the_next_one_goes_on(
    stage: Stage, channels: int
) -> None:
    await stage.channels(*range(1, channels + 1))
    for number in range(1, 6):
        await stage.put(config_of(number))
    await stage.listen(until=41)
    await stage.sweep()
    made = [await deliver(stage.shard, 48)]
    while made[-1].has_more:
        made.append(await deliver(stage.shard, 48))
    assert max(one.deliveries for one in made) == max(300, channels)
    assert (
        sum(one.deliveries for one in made)
        == 5 * channels
        == await stage.redis.hlen(stage.shard.keys.deliveries)
    )
    assert sum(one.events for one in made) == sum(len(one.kinds) for one in made) == 5


async def test_a_step_back_of_the_clock_ends_pauses_so_that_none_lasts_the_step_longer(stage: Stage) -> None:
    waits = of(8, 2)
    await wait_for(stage, *waits)
    assert names(await look(stage, Room(8, 0, PAUSE_MS))) == []
    assert await stage.redis.exists(stage.shard.keys.pauses) == 1
    await stage.step_clock(-30)
    await stage.ping()
    assert await stage.redis.exists(stage.shard.keys.pauses) == 0
    due = await stage.redis.zrange(stage.shard.keys.due, 0, -1, withscores=True)
    assert [(name.decode(), at_ms) for name, at_ms in due] == [
        (name, stage.now_ms + PAUSE_MS) for name in waits
    ]
