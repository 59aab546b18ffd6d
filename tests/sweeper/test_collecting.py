"""Many monitors that go down together are a few messages for people, and what came down comes up in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from store.errors import Unavailable
from store.live.collected_event import CollectedEvent
from store.live.delivering import Lease, Settlement, deliver, lease, settle
from store.live.letters import letter_entry
from store.live.live import Live
from store.live.packing import EventKind
from store.live.restoring import RestoredDelivery, restore_deliveries
from store.live.telling import tag_collection
from store.projection import Burst, ChannelTarget, PutChannels
from tests.proxy import FaultProxy
from tests.stage import CLOCK, GENERATION, ORG, START_MS, Stage, config_of
from tests.sweeper.channels.receivers import SECRET, Receiver, answering, receiving
from tests.sweeper.telling import Teller, in_turn, silence, statuses, telling, told

BURST = Burst(size=5, window_s=60)
PEOPLE, MACHINES = 7, 8


@pytest.fixture
async def teller(stage: Stage) -> AsyncIterator[Teller]:
    async with telling(stage.shard) as teller:
        yield teller


async def channels(stage: Stage, *receivers: Receiver, burst: Burst | None = BURST, version: int = 1) -> None:
    """These receivers are webhooks that people read; the first has the id 1."""
    targets = tuple(
        ChannelTarget(
            number,
            "webhook",
            msgspec.json.encode({"url": receiver.url(), "secret": SECRET}),
            burst=burst,
        )
        for number, receiver in enumerate(receivers, start=1)
    )
    await stage.live.project(PutChannels(ORG, version, targets))


async def people(stage: Stage, *ids: int, burst: Burst | None = BURST) -> None:
    """Channels that are only leased by hand."""
    targets = tuple(ChannelTarget(one, "email", b"{}", burst=burst if one == PEOPLE else None) for one in ids)
    await stage.live.project(PutChannels(ORG, 1, targets))


async def take(stage: Stage) -> list[Lease]:
    return (await lease(stage.shard, 100, 5000, ())).leases


def kinds(leases: list[Lease]) -> list[str]:
    return sorted(one.event.kind.name for one in leases if one.event)


async def settle_all(stage: Stage, leases: list[Lease], settlement: Settlement = "done") -> None:
    for one in leases:
        assert await settle(stage.shard, one, settlement)


async def down(stage: Stage, *monitor_ids: int, second: float = 41) -> None:
    await silence(stage, *monitor_ids, second=second)
    while (await deliver(stage.shard, 128)).events:
        pass


async def up(stage: Stage, *monitor_ids: int) -> None:
    await stage.ping(*monitor_ids)
    while (await deliver(stage.shard, 128)).events:
        pass


async def pass_s(stage: Stage, seconds: float) -> None:
    await stage.move_to((stage.now_ms - START_MS) / 1000 + seconds)


def the(leases: list[Lease], kind: EventKind) -> CollectedEvent:
    (event,) = [
        one.event for one in leases if isinstance(one.event, CollectedEvent) and one.event.kind == kind
    ]
    return event


async def test_five_go_out_at_once_and_the_rest_in_one_message_at_the_end_of_the_window(
    stage: Stage, teller: Teller
) -> None:
    async with receiving(answering(200)) as receiver:
        await channels(stage, receiver)
        await silence(stage, *range(1, 31))
        await teller.finish()
        assert [one.type for one in told(receiver)] == ["monitor.down"] * 5
        await pass_s(stage, 59.9)
        await teller.finish()
        assert len(receiver.calls) == 5
        await pass_s(stage, 0.2)
        await teller.finish()
        collected = told(receiver)[5]
    assert len(receiver.calls) == 6
    assert collected.type == "monitors.down"
    data = collected.message["data"]
    assert data["count"] == 25
    assert data["tags"] == [{"tag": "all", "count": 25}]
    assert (data["firstAt"], data["lastAt"]) == ("2027-01-15T08:00:40.000Z",) * 2
    alone = {one.monitor for one in told(receiver)[:5]}
    listed = [one["name"] for one in data["monitors"]]
    assert len(listed) == 20
    assert not alone & set(listed)
    assert {"id", "startedAt", "endedAt"} == set(data["monitors"][0]["incident"])


async def test_each_incident_has_the_id_that_it_has_everywhere(stage: Stage) -> None:
    await people(stage, PEOPLE, MACHINES)
    await down(stage, *range(1, 8))
    each = {one.event.incident_id for one in await take(stage) if one.event and one.channel_id == MACHINES}
    await pass_s(stage, 60)
    collected = the(await take(stage), EventKind.DOWNS)
    assert collected.count == 2
    assert {one.incident_id for one in collected.named} < each


async def test_machines_get_every_event(stage: Stage) -> None:
    await people(stage, MACHINES)
    await down(stage, *range(1, 31))
    assert kinds(await take(stage)) == ["DOWN"] * 30


async def test_a_new_window_has_five_of_its_own(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(1, 6))
    await settle_all(stage, await take(stage))
    await down(stage, 6, second=100.9)
    assert kinds(await take(stage)) == []
    await down(stage, 7, 8, second=142)
    assert kinds(await take(stage)) == ["DOWN", "DOWN", "DOWNS"]


async def test_ups_of_collected_downs_are_collected_and_come_after_them(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(11, 21))
    await settle_all(stage, await take(stage))
    await up(stage, *range(11, 21))
    alone = await take(stage)
    assert kinds(alone) == ["UP"] * 5
    await settle_all(stage, alone)
    await pass_s(stage, 60)
    downs = await take(stage)
    assert kinds(downs) == ["DOWNS"]
    await settle_all(stage, downs, "retry")
    await pass_s(stage, 60)
    again = await take(stage)
    assert kinds(again) == ["DOWNS"]
    await settle_all(stage, again)
    ups = await take(stage)
    assert kinds(ups) == ["UPS"]
    assert the(ups, EventKind.UPS).count == 5
    assert {one.incident_id for one in the(ups, EventKind.UPS).named} == {
        one.incident_id for one in the(again, EventKind.DOWNS).named
    }


async def test_ups_go_on_being_collected_after_the_downs_were_told(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(1, 31))
    await settle_all(stage, await take(stage))
    await pass_s(stage, 60)
    await settle_all(stage, await take(stage))
    await up(stage, *range(1, 21))
    await settle_all(stage, await take(stage))
    await pass_s(stage, 30)
    await up(stage, *range(21, 31))
    assert await take(stage) == []
    await pass_s(stage, 30)
    ups = await take(stage)
    assert [(one.event.kind, one.event.count) for one in ups if isinstance(one.event, CollectedEvent)] == [
        (EventKind.UPS, 25)
    ]
    await settle_all(stage, ups)
    assert await stage.redis.hlen(stage.shard.keys.collected) == 0
    assert await stage.redis.hlen(stage.shard.keys.lines) == 0


async def test_many_ups_of_downs_that_were_told_alone_are_collected_too(stage: Stage) -> None:
    await people(stage, PEOPLE)
    for round_ in range(4):
        await down(stage, *range(round_ * 5 + 1, round_ * 5 + 6), second=61 * (round_ + 1))
        await settle_all(stage, await take(stage))
    await up(stage, *range(1, 21))
    ups = await take(stage)
    assert kinds(ups) == ["UP"] * 5
    await pass_s(stage, 60)
    assert the(await take(stage), EventKind.UPS).count == 15


async def test_an_up_whose_down_still_waits_is_not_collected_before_it(stage: Stage) -> None:
    await people(stage, PEOPLE, burst=Burst(1, 60))
    await down(stage, 1)
    await settle_all(stage, await take(stage))
    await down(stage, 2, second=110)
    [waiting] = await take(stage)
    assert await settle(stage.shard, waiting, "retry", 600_000)
    await up(stage, 1, 2)
    assert kinds(await take(stage)) == ["UP"]
    await pass_s(stage, 300)
    assert "UPS" not in kinds(await take(stage))
    assert "UPS" not in [one.name for one in await names_of_all(stage)]


async def names_of_all(stage: Stage) -> list[EventKind]:
    """The kinds of all deliveries that wait."""
    return [EventKind(blob[4]) for blob in await stage.redis.hvals(stage.shard.keys.deliveries)]


async def test_ups_that_stood_behind_their_downs_still_have_their_window(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(11, 21))
    await settle_all(stage, await take(stage))
    await pass_s(stage, 60)
    [downs] = await take(stage)
    await up(stage, *range(16, 21))
    await settle_all(stage, [downs])
    await pass_s(stage, 59)
    assert await take(stage) == []
    await pass_s(stage, 1)
    assert the(await take(stage), EventKind.UPS).count == 5


async def test_what_was_attempted_grows_no_more_and_says_the_same_again(stage: Stage, teller: Teller) -> None:
    async with receiving(statuses(*[200] * 5, 500, 200)) as receiver:
        await channels(stage, receiver)
        await silence(stage, *range(1, 31))
        await teller.finish()
        await pass_s(stage, 60)
        await teller.finish()
        # The clock was stepped back: by it, the window is still open.
        await stage.move_to(50)
        await silence(stage, 31, second=91)
        await teller.finish()
        await pass_s(stage, 200)
        await teller.finish()
        attempts = [one for one in told(receiver) if one.type == "monitors.down"]
    assert attempts[0].webhook_id == attempts[1].webhook_id
    assert attempts[0].body == attempts[1].body
    assert {one.webhook_id: one.message["data"]["count"] for one in attempts} == {attempts[0].webhook_id: 25}


async def test_a_crash_between_collecting_and_sending_loses_nothing(stage: Stage, teller: Teller) -> None:
    async with receiving(in_turn(*[answering(200)] * 5, answering(200))) as receiver:
        await channels(stage, receiver)
        await silence(stage, *range(1, 31))
        await teller.finish()
        await pass_s(stage, 60)
        [one] = await take(stage)  # this one dies
        await teller.finish()
        assert len(receiver.calls) == 5
        await pass_s(stage, 6)
        await teller.finish()
        assert [one.message["data"]["count"] for one in told(receiver)[5:]] == [25]
        assert not await settle(stage.shard, one, "done")


async def test_tags_that_cannot_be_read_do_not_hold_up_the_message(stage: Stage, teller: Teller) -> None:
    def away(_: object) -> list[tuple[str, int]]:
        raise Unavailable("config.db is locked")

    teller.dispatch._count_tags = away
    async with receiving(statuses(*[200] * 5, 500, 200)) as receiver:
        await channels(stage, receiver)
        await silence(stage, *range(1, 8))
        await teller.finish()
        await pass_s(stage, 60)
        await teller.finish()
        teller.dispatch._count_tags = teller.count_tags
        await pass_s(stage, 60)
        await teller.finish()
        first, second = told(receiver)[5:]
    assert first.message["data"]["tags"] is None
    assert first.body == second.body


async def test_what_cannot_be_noted_is_not_told_before_it_can(
    stage: Stage, teller: Teller, tmp_path: Path
) -> None:
    async with FaultProxy(tmp_path / "proxy", stage.live.url) as proxy, receiving(answering(200)) as receiver:
        far = Live(proxy.url, 1, GENERATION, CLOCK)

        def cut_off(_: object) -> list[tuple[str, int]]:
            asyncio.run_coroutine_threadsafe(_refuse(proxy), loop).result()
            return [("all", 2)]

        loop = asyncio.get_running_loop()
        await channels(stage, receiver)
        await silence(stage, *range(1, 8))
        await teller.finish()
        await pass_s(stage, 60)
        async with telling(far.shards[0]) as unlucky:
            unlucky.dispatch._count_tags = cut_off
            await unlucky.step()
            await asyncio.wait(list(unlucky.dispatch._under_way))
        await far.aclose()
        assert len(receiver.calls) == 5
        await pass_s(stage, 6)
        await teller.finish()
        assert [one.message["data"]["count"] for one in told(receiver)[5:]] == [2]


async def _refuse(proxy: FaultProxy) -> None:
    proxy.refuse()


async def test_collected_downs_that_are_given_up_take_their_ups_along_and_come_back_with_them(
    stage: Stage,
) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(11, 41))
    await settle_all(stage, await take(stage))
    await up(stage, 39)
    await pass_s(stage, 60)
    [collected] = await take(stage)
    await settle_all(stage, [collected], "dead")
    await up(stage, *range(16, 39), 40)
    assert [one.event.kind for one in await take(stage) if one.event] == []
    assert await stage.redis.hlen(stage.shard.keys.dead) == 2
    assert await stage.live.retry_letter(0, collected.delivery_id) == 2
    [again] = await take(stage)
    assert again.event and again.event.kind == EventKind.DOWNS
    await settle_all(stage, [again])
    await pass_s(stage, 60)
    assert the(await take(stage), EventKind.UPS).count == 25


async def test_a_monitor_that_is_paused_leaves_no_mark(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(1, 8))
    assert await stage.redis.hlen(stage.shard.keys.collected) == 2
    for monitor_id in range(1, 8):
        await stage.put(config_of(monitor_id, version=2, paused=True))
    await deliver(stage.shard, 100)
    assert await stage.redis.hlen(stage.shard.keys.collected) == 0


async def test_a_hundred_thousand_downs_are_one_message_of_bounded_size(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(1, 6))
    (entry,) = await stage.redis.xrevrange(stage.shard.keys.events, count=1)
    event = entry[1][b"e"]
    pipe = stage.redis.pipeline(transaction=False)
    for number in range(100, 12_100):
        pipe.xadd(stage.shard.keys.events, {b"e": event[:26] + number.to_bytes(4, "little") + event[30:]})
    await pipe.execute()
    while (await deliver(stage.shard, 128)).events:
        pass
    await settle_all(stage, await take(stage))
    await pass_s(stage, 60)
    [one] = await take(stage)
    assert isinstance(one.event, CollectedEvent)
    assert (one.event.count, len(one.event.member_ids), len(one.event.named)) == (12_000, 5000, 20)
    blob = await stage.redis.hget(stage.shard.keys.deliveries, one.delivery_id)
    assert len(blob) < 60_000


async def test_a_rebuild_keeps_the_order_of_what_was_collected(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(11, 21))
    await settle_all(stage, await take(stage))
    [name] = await stage.redis.hkeys(stage.shard.keys.deliveries)
    blob = await stage.redis.hget(stage.shard.keys.deliveries, name)
    keys = stage.shard.keys
    await stage.redis.delete(keys.deliveries, keys.due, keys.lines, keys.collected, keys.bursts)
    kept = RestoredDelivery(id=name.decode(), attempts=0, due_ms=0, died_ms=0, event=blob[3:])
    await restore_deliveries(stage.shard, [kept])
    await up(stage, *range(16, 21))
    [downs] = await take(stage)
    assert downs.event and downs.event.kind == EventKind.DOWNS
    await settle_all(stage, [downs])
    await pass_s(stage, 60)
    assert the(await take(stage), EventKind.UPS).count == 5


async def test_the_log_has_one_row_that_grows(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(1, 300))
    entries = await stage.redis.xrange(stage.shard.keys.letters)
    logged = [letter_entry(*entry) for entry in entries]
    assert all(one.is_whole for one in logged)
    names = [type(record).__name__ for one in logged for record in one.records]
    assert (names.count("Made"), names.count("Grown")) == (6, len(logged))


async def test_tags_are_noted_once_and_only_by_who_has_the_lease(stage: Stage) -> None:
    await people(stage, PEOPLE)
    await down(stage, *range(1, 8))
    await settle_all(stage, await take(stage))
    await pass_s(stage, 60)
    [one] = await take(stage)
    await pass_s(stage, 6)
    [mine] = await take(stage)
    assert await tag_collection(stage.shard, one, [("a", 1)]) is None
    first = await tag_collection(stage.shard, mine, [("a", 1)])
    assert await tag_collection(stage.shard, mine, [("b", 1)]) == first
    assert isinstance(first, CollectedEvent)
    assert first.tags == (("a", 1),)


async def test_without_a_burst_ups_and_downs_go_alone(stage: Stage) -> None:
    await people(stage, PEOPLE, burst=None)
    await down(stage, *range(1, 21))
    await settle_all(stage, await take(stage))
    await up(stage, *range(1, 21))
    assert kinds(await take(stage)) == ["UP"] * 20
