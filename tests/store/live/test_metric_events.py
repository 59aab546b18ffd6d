"""Events of metrics in Redis: raised once and in order, told to one channel, each rule's in a line of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from store.errors import GenerationMissing
from store.live.delivering import Lease, deliver, lease, raise_events, settle
from store.live.packing import AlertTold, EventKind, MetricEvent, pack_metric_event
from store.live.unheard_event import FleetUnheard, UnheardEvent, pack_unheard_event
from tests.stage import ORG, START_MS, Stage, config_of


def event_of(
    kind: EventKind = EventKind.BREACHED, *, channel: int = 1, rule: int = 1, breach_ms: int = START_MS
) -> bytes:
    config = config_of(1)
    event = MetricEvent(
        kind=kind,
        at_ms=START_MS,
        breach_ms=breach_ms,
        started_ms=breach_ms,
        seen_ms=START_MS,
        monitor_id=config.id,
        org_id=ORG,
        interval_s=config.interval_s,
        grace_s=config.grace_s,
        public_id=config.public_id,
        channel_id=channel,
        alert_id=rule,
        told=AlertTold(config.name, UUID(int=rule), "load", ">", 10.0, 1, 11.0),
    )
    return pack_metric_event(event)


async def raised(stage: Stage) -> list[bytes]:
    return [fields[b"e"] for _, fields in await stage.redis.xrange(stage.shard.keys.events)]


async def leased(stage: Stage) -> list[Lease]:
    return (await lease(stage.shard, 10, 5000, [])).leases


def kinds(leases: list[Lease]) -> list[EventKind]:
    return [one.event.kind for one in leases if one.event is not None]


async def test_events_are_appended_in_order_and_the_last_id_is_answered(stage: Stage) -> None:
    assert await raise_events(stage.shard, 0, [(5, b"five"), (9, b"nine")]) == 9
    assert await raised(stage) == [b"five", b"nine"]


async def test_an_id_that_is_there_already_is_ignored(stage: Stage) -> None:
    await raise_events(stage.shard, 0, [(5, b"five")])

    assert await raise_events(stage.shard, 0, [(4, b"four"), (5, b"five"), (6, b"six")]) == 6
    assert await raised(stage) == [b"five", b"six"]


async def test_ids_may_be_as_large_as_microseconds(stage: Stage) -> None:
    number = START_MS * 1000 + 7
    assert await raise_events(stage.shard, 0, [(number, b"a")]) == number
    assert await raise_events(stage.shard, number, [(number, b"a"), (number + 1, b"b")]) == number + 1
    assert await raised(stage) == [b"a", b"b"]


async def test_where_less_is_than_was_believed_nothing_is_appended(stage: Stage) -> None:
    await raise_events(stage.shard, 0, [(5, b"five")])

    assert await raise_events(stage.shard, 8, [(9, b"nine")]) == 5
    assert await raised(stage) == [b"five"]


async def test_an_event_of_a_metric_is_for_its_channel_alone(stage: Stage) -> None:
    await stage.channels(1, 2, 3)
    await raise_events(stage.shard, 0, [(1, event_of(channel=2))])

    delivered = await deliver(stage.shard, 10)

    assert (delivered.events, delivered.deliveries, delivered.kinds) == (1, 1, [EventKind.BREACHED])
    [one] = await leased(stage)
    assert one.channel_id == 2
    assert isinstance(one.event, MetricEvent)


async def test_an_unheard_fleet_is_told_to_all_channels_of_its_organisation_and_waits_for_nothing(
    stage: Stage,
) -> None:
    await stage.channels(1, 2)
    events = [
        UnheardEvent(from_ms=at, to_ms=at + 1, org_id=org, public_id=UUID(int=org), told=FleetUnheard(1, []))
        for org, at in ((ORG, START_MS), (ORG, START_MS + 5), (ORG + 1, START_MS))
    ]
    packed = [(number, pack_unheard_event(event)) for number, event in enumerate(events, start=1)]
    await raise_events(stage.shard, 0, packed)

    delivered = await deliver(stage.shard, 10)

    assert (delivered.events, delivered.deliveries) == (3, 4)
    assert delivered.kinds == [EventKind.UNHEARD] * 3
    got = [(one.channel_id, one.event) for one in await leased(stage)]
    assert sorted(got, key=str) == sorted(((c, e) for c in (1, 2) for e in events[:2]), key=str)


async def test_an_event_for_a_channel_that_is_gone_is_acknowledged_and_told_to_nobody(stage: Stage) -> None:
    await stage.channels(1)
    await raise_events(stage.shard, 0, [(1, event_of(channel=2))])

    assert (await deliver(stage.shard, 10)).deliveries == 0
    assert (await deliver(stage.shard, 10)).events == 0


async def test_cleared_never_overtakes_breached(stage: Stage) -> None:
    await stage.channels(1)
    await raise_events(stage.shard, 0, [(1, event_of()), (2, event_of(EventKind.CLEARED))])
    await deliver(stage.shard, 10)

    [breached] = await leased(stage)
    assert kinds([breached]) == [EventKind.BREACHED]
    await settle(stage.shard, breached, "retry", 60_000)
    assert await leased(stage) == []
    await stage.move_to(61)
    [breached] = await leased(stage)
    await settle(stage.shard, breached, "done")

    assert kinds(await leased(stage)) == [EventKind.CLEARED]


@pytest.mark.parametrize("other", [{"rule": 2}, {"channel": 2}, {"breach_ms": START_MS + 1}], ids=str)
async def test_what_is_not_of_the_same_rule_channel_and_incident_does_not_wait(
    stage: Stage, other: dict[str, Any]
) -> None:
    await stage.channels(1, 2)
    await raise_events(stage.shard, 0, [(1, event_of()), (2, event_of(**other))])
    await deliver(stage.shard, 10)

    assert len(await leased(stage)) == 2


async def test_a_silence_of_the_same_moment_does_not_wait_for_a_metric(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.channels(1)
    await raise_events(stage.shard, 0, [(1, event_of(breach_ms=START_MS))])
    await stage.listen(until=41)
    await stage.sweep()
    await deliver(stage.shard, 10)

    assert sorted(kinds(await leased(stage))) == [EventKind.DOWN, EventKind.BREACHED]


@pytest.mark.parametrize("length", [0, 1, 41, 57, 58, 62, 65, 70])
async def test_a_cut_event_holds_nothing_up(stage: Stage, length: int) -> None:
    await stage.channels(1)
    await raise_events(stage.shard, 0, [(1, event_of()[:length]), (2, event_of(rule=2))])

    assert (await deliver(stage.shard, 10)).events == 2
    assert EventKind.BREACHED in kinds(await leased(stage))


async def test_an_empty_redis_refuses_to_raise(stage: Stage) -> None:
    await stage.redis.flushall()
    with pytest.raises(GenerationMissing):
        await raise_events(stage.shard, 0, [(1, b"x")])
