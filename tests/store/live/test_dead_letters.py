"""What was given up can be sent again, and an end whose beginning was given up is not told without it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from store.live.dead_letters import find_lost, forget_dead, retry_letter
from store.live.delivering import Lease, Report, Settlement, deliver, lease, raise_events, settle
from store.live.letters import LetterEntry, Made, Moved, MovedTo, letter_entry
from store.live.packing import EventKind
from store.live.restoring import RestoredDelivery, restore_deliveries
from tests.stage import START_MS, Stage, config_of
from tests.store.live.test_metric_events import event_of

LEASE_MS = 5000


async def go_down(stage: Stage, *monitor_ids: int) -> None:
    """These monitors are created and fall silent; it is turned into deliveries."""
    began = (stage.now_ms - START_MS) / 1000
    for monitor_id in monitor_ids:
        await stage.put(config_of(monitor_id, 1, 0))
    await stage.listen(until=began + 1)
    await stage.sweep()
    await deliver(stage.shard, 100)


async def come_back(stage: Stage, *monitor_ids: int) -> None:
    await stage.ping(*monitor_ids)
    await deliver(stage.shard, 100)


async def take(stage: Stage) -> list[Lease]:
    return (await lease(stage.shard, 100, LEASE_MS, ())).leases


async def give_up(stage: Stage, settlement: Settlement = "dead") -> list[Lease]:
    """Everything that is due is given up."""
    leases = await take(stage)
    for one in leases:
        assert await settle(stage.shard, one, settlement)
    return leases


async def dead(stage: Stage) -> list[str]:
    """The dead letters, in the order in which they died; all three keys agree."""
    keys = stage.shard.keys
    names = [name.decode() for name in await stage.redis.zrange(keys.died, 0, -1)]
    assert {name.decode() for name in await stage.redis.hkeys(keys.dead)} == set(names)
    buried = b" ".join(await stage.redis.hvals(keys.buried)).decode().split()
    assert set(buried) <= set(names)
    return names


def kinds(leases: Sequence[Lease]) -> list[str]:
    return [one.event.kind.name for one in leases if one.event]


async def log(stage: Stage) -> list[LetterEntry]:
    entries = [letter_entry(*entry) for entry in await stage.redis.xrange(stage.shard.keys.letters)]
    assert all(entry.is_whole for entry in entries)
    return entries


async def moves(stage: Stage) -> list[tuple[int, MovedTo]]:
    """Attempt and where to, of all that moved."""
    records = [record for entry in await log(stage) for record in entry.records]
    return [(one.attempt, one.to) for one in records if isinstance(one, Moved)]


# What the log is told


async def test_the_log_knows_which_event_became_deliveries_for_which_channels(stage: Stage) -> None:
    await stage.channels(7, 8)
    await go_down(stage, 1, 2)
    [entry] = await log(stage)
    events = await stage.redis.xrange(stage.shard.keys.events)
    assert entry.records == [Made(name.decode(), fields[b"e"], (7, 8)) for name, fields in events]
    assert (entry.now_ms, entry.dispatched) == (stage.now_ms, events[-1][0].decode())


async def test_the_log_knows_that_an_event_tells_nobody(stage: Stage) -> None:
    await go_down(stage, 1)
    [entry] = await log(stage)
    [(event, _)] = await stage.redis.xrange(stage.shard.keys.events)
    assert (entry.records, entry.dispatched) == ([], event.decode())
    await deliver(stage.shard, 100)
    assert len(await log(stage)) == 1


async def test_the_log_knows_how_an_attempt_went_and_when_the_next_one_is(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    [one] = await take(stage)
    report = Report(status=500, duration_ms=1234, reason="the receiver answered 500, é" + "x" * 300)
    await settle(stage.shard, one, "retry", 60_000, report)
    moved = (await log(stage))[-1].records[0]
    assert isinstance(moved, Moved)
    assert moved == Moved(
        delivery_id=one.delivery_id,
        attempt=1,
        to=MovedTo.RETRYING,
        status=500,
        duration_ms=1234,
        next_ms=stage.now_ms + 60_000,
        reason=report.reason.encode()[:255].decode(),
    )


async def test_whoever_lost_the_lease_leaves_nothing_in_the_log(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    [lost] = await take(stage)
    await stage.move_to(100)
    await take(stage)
    assert not await settle(stage.shard, lost, "dead", 0, Report(disables=True))
    assert await moves(stage) == []
    assert await stage.live.refusals() == {}


async def test_over_its_cap_the_log_is_dropped_and_counted_and_alerts_go_on(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await stage.redis.hset(stage.shard.keys.tallies, "letters_appended", 67_108_864)
    await come_back(stage, 1)
    [down] = await take(stage)
    assert await settle(stage.shard, down, "done")
    [up] = await take(stage)
    assert kinds([down, up]) == ["DOWN", "UP"]
    assert len(await log(stage)) == 1
    assert (await stage.live.tallies()).letters_dropped == 2


async def test_a_log_that_cannot_be_written_holds_up_no_alert(stage: Stage) -> None:
    await stage.redis.set(stage.shard.keys.letters, "no stream")
    await stage.channels(7)
    await go_down(stage, 1)
    [down] = await take(stage)
    assert await settle(stage.shard, down, "done")
    dropped = await stage.redis.hget(stage.shard.keys.tallies, "letters_dropped")
    assert dropped == b"2"


@pytest.mark.parametrize("length", [1, 5, 11, 30, 70])
def test_a_cut_entry_is_read_as_far_as_it_goes(length: int) -> None:
    whole = b"\x02\x05\x01\x00\x01\xc8\x00\x05\x00\x00\x00" + b"\x00" * 6 + b"\x02" + b"1-1:7ok"
    entry = letter_entry(b"1-1", {b"t": b"9", b"r": whole + (whole * 3)[:length]})
    assert entry.records[0] == Moved(
        delivery_id="1-1:7",
        attempt=1,
        to=MovedTo.DELIVERED,
        status=200,
        duration_ms=5,
        next_ms=0,
        reason="ok",
    )
    assert len(entry.records) == 1 + length // len(whole)
    assert not entry.is_whole


# An end goes with its beginning


async def test_a_beginning_that_is_given_up_takes_along_the_end_that_waits_behind_it(stage: Stage) -> None:
    await stage.channels(7, 8)
    await go_down(stage, 1)
    await come_back(stage, 1)
    to_seven, to_eight = sorted(await take(stage), key=lambda one: one.channel_id)
    await settle(stage.shard, to_seven, "dead")
    assert await take(stage) == []
    assert len(await dead(stage)) == 2
    assert await moves(stage) == [(1, MovedTo.DEAD), (0, MovedTo.DEAD)]
    await settle(stage.shard, to_eight, "done")
    assert [(one.channel_id, kinds([one])) for one in await take(stage)] == [(8, ["UP"])]


async def test_an_end_that_comes_later_follows_its_beginning_among_the_dead(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await give_up(stage)
    await come_back(stage, 1)
    assert await take(stage) == []
    assert len(await dead(stage)) == 2
    # The next incident is another one.
    await stage.listen(until=4)
    await stage.sweep()
    await deliver(stage.shard, 100)
    assert kinds(await take(stage)) == ["DOWN"]


async def test_the_end_of_what_was_told_is_told_though_it_died_before(stage: Stage) -> None:
    """The same silence may begin twice, if a ping from before it arrives in between."""
    await stage.channels(7)
    await raise_events(stage.shard, 0, [(1, event_of(channel=7))])
    await deliver(stage.shard, 10)
    await give_up(stage)
    await raise_events(stage.shard, 1, [(2, event_of(channel=7))])
    await deliver(stage.shard, 10)
    assert kinds(await give_up(stage, "done")) == ["BREACHED"]
    await raise_events(stage.shard, 2, [(3, event_of(EventKind.CLEARED, channel=7))])
    await deliver(stage.shard, 10)
    assert kinds(await take(stage)) == ["CLEARED"]


async def test_an_end_that_is_given_up_alone_takes_nothing_along(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await come_back(stage, 1)
    await give_up(stage, "done")
    [up] = await give_up(stage)
    assert await dead(stage) == [up.delivery_id]
    assert await retry_letter(stage.shard, up.delivery_id) == 1
    assert kinds(await take(stage)) == ["UP"]


# Again


@pytest.mark.parametrize("which", [0, 1])
async def test_who_is_sent_again_comes_with_all_of_its_incident_in_order(stage: Stage, which: int) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await come_back(stage, 1)
    [down] = await give_up(stage)
    letters = await dead(stage)
    assert await retry_letter(stage.shard, sorted(letters)[which]) == 2
    assert await dead(stage) == []
    [again] = await take(stage)
    assert (again.delivery_id, again.attempt, again.event) == (down.delivery_id, 1, down.event)
    await settle(stage.shard, again, "done")
    assert kinds(await give_up(stage, "done")) == ["UP"]
    assert (await moves(stage))[2:4] == [(0, MovedTo.WAITING)] * 2
    assert await stage.redis.hlen(stage.shard.keys.lines) == 0


async def test_what_is_no_dead_letter_is_not_sent_again(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    [down] = await take(stage)
    assert await retry_letter(stage.shard, down.delivery_id) == 0
    await settle(stage.shard, down, "dead")
    assert await retry_letter(stage.shard, down.delivery_id) == 1
    assert await retry_letter(stage.shard, down.delivery_id) == 0
    assert await retry_letter(stage.shard, "nothing:7") == 0
    assert len(await take(stage)) == 1


# Too many, too old, lost


async def test_of_too_many_the_oldest_are_dropped_and_counted(stage: Stage) -> None:
    letters = [
        RestoredDelivery(
            id=f"1-{number}:9", attempts=12, due_ms=0, died_ms=number, event=event_of(rule=number)
        )
        for number in range(1, 10_001)
    ]
    for at in range(0, len(letters), 500):
        await restore_deliveries(stage.shard, letters[at : at + 500])
    await stage.channels(7)
    await go_down(stage, 1)
    await come_back(stage, 1)
    await give_up(stage)
    names = await dead(stage)
    assert (len(names), names[0]) == (10_000, "1-3:9")
    assert (await stage.live.tallies()).dead_dropped == 2
    assert (await moves(stage))[-2:] == [(0, MovedTo.DROPPED)] * 2


async def test_dead_letters_that_are_too_old_are_dropped(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1)
    await give_up(stage)
    await stage.listen(until=60, step=60)
    await go_down(stage, 2)
    [kept] = await give_up(stage)
    assert await forget_dead(stage.shard, 30_000, 10) == 1
    assert await dead(stage) == [kept.delivery_id]
    assert (await moves(stage))[-1] == (0, MovedTo.DROPPED)
    assert await forget_dead(stage.shard, 30_000, 10) == 0


async def test_what_redis_has_lost_is_found_once_the_log_is_read(stage: Stage) -> None:
    await stage.channels(7)
    await go_down(stage, 1, 2, 3)
    waiting, given_up, told = await take(stage)
    await settle(stage.shard, given_up, "dead")
    await settle(stage.shard, told, "done")
    known = [one.delivery_id for one in (waiting, given_up, told)]
    assert await find_lost(stage.shard, known) == []
    await stage.redis.xtrim(stage.shard.keys.letters, maxlen=0)
    assert await find_lost(stage.shard, known) == [told.delivery_id]
