"""Threshold rules from ping to event: judged in order, once each, whatever the recorder goes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store.book import sample_writer
from store.book.monitors import MonitorChanges
from store.clock import wall_ms
from store.errors import Unavailable
from store.live.packing import EventKind
from store.metric_alert import incident_of
from store.recorder import raising
from tests.stage import START_MS
from tests.store.recorder.cast import Desk, Killed


def dies(*_: object, **__: object) -> Any:
    raise Killed


async def test_a_breach_is_told_and_the_first_value_inside_too(desk: Desk) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor, ">", 10.0)

    await desk.values(monitor, 5, 11, 12, 7, 6)

    assert await desk.told() == [("breached", 11.0, 1.0), ("cleared", 7.0, 3.0)]
    assert await desk.incidents(monitor) == [(1.0, 3.0)]
    breached, cleared = await desk.raised()
    assert breached.incident_id == cleared.incident_id == incident_of(rule.public_id, START_MS + 1000)
    assert [row.id for row in await desk.history.incidents(monitor.config.id, 9)] == [
        str(breached.incident_id)
    ]


async def test_the_event_says_what_a_channel_needs_to_know(desk: Desk) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor, ">=", 95.0, key="memory_pct")

    await desk.values(monitor, 97.5, key="memory_pct")

    [event] = await desk.raised()
    assert (event.kind, event.started_ms, event.seen_ms) == (EventKind.BREACHED, START_MS, START_MS)
    assert (event.public_id, event.name) == (monitor.config.public_id, monitor.config.name)
    assert (event.interval_s, event.grace_s) == (60, 30)
    told = event.told
    assert (
        told.public_id,
        told.metric_key,
        told.operator,
        told.threshold,
        told.consecutive_triggers,
        told.value,
    ) == (
        rule.public_id,
        "memory_pct",
        ">=",
        95.0,
        1,
        97.5,
    )


async def test_only_the_nth_breach_in_a_row_opens_an_incident(desk: Desk) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor, times=3)

    await desk.values(monitor, 11, 11, 5, 11, 12)
    standing = await desk.standing(rule)
    assert standing is not None
    assert (standing.streak, standing.is_open) == (2, False)
    assert await desk.told() == []

    await desk.values(monitor, 13, 14)

    assert await desk.told() == [("breached", 13.0, 5.0)]
    [event] = await desk.raised()
    assert event.breach_ms == START_MS + 3000


async def test_a_ping_without_the_key_or_with_a_value_of_the_other_type_leaves_the_streak(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor, times=2)

    await desk.values(monitor, 11, None, "eleven", 12)

    assert await desk.told() == [("breached", 12.0, 3.0)]


async def test_texts_are_compared_with_texts(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor, "!=", "complete", key="status")

    await desk.values(monitor, "complete", 7, "failed", "complete", key="status")

    assert await desk.told() == [("breached", "failed", 2.0), ("cleared", "complete", 3.0)]


@pytest.mark.parametrize(
    ("operator", "breached"),
    [(">", {11}), ("<", {9}), (">=", {10, 11}), ("<=", {9, 10}), ("=", {10}), ("!=", {9, 11})],
)
async def test_every_operator_means_what_it_says(desk: Desk, operator: Any, breached: set[int]) -> None:
    monitors = {value: await desk.monitor() for value in (9, 10, 11)}
    for monitor in monitors.values():
        await desk.rule(monitor, operator, 10.0)

    for value, monitor in monitors.items():
        await desk.values(monitor, value)

    assert {event.told.value for event in await desk.raised()} == breached


async def test_several_pings_of_a_batch_are_judged_in_their_order(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)

    await desk.ping(monitor, {"load": 11}, {"load": 5}, {"load": 12}, {"load": 13}, {"load": 6})
    await desk.record()

    assert [kind for kind, _, _ in await desk.told()] == ["breached", "cleared", "breached", "cleared"]
    first, _, second, _ = await desk.raised()
    assert first.incident_id != second.incident_id
    assert len(await desk.incidents(monitor)) == 2


async def test_a_stamp_that_comes_late_ends_nothing_before_it_began(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.pass_seconds(30)
    await desk.ping(monitor, {"load": 11}, at=30)
    await desk.ping(monitor, {"load": 5}, at=10)
    await desk.record()

    assert await desk.incidents(monitor) == [(30.0, 30.0)]


async def test_rules_of_one_key_are_judged_each_by_itself(desk: Desk) -> None:
    monitor = await desk.monitor()
    low, high = await desk.rule(monitor, ">", 10.0), await desk.rule(monitor, ">", 20.0)

    await desk.values(monitor, 15, 25, 15, 5)

    events = [(event.kind.name, event.told.public_id) for event in await desk.raised()]
    assert events == [
        ("BREACHED", low.public_id),
        ("BREACHED", high.public_id),
        ("CLEARED", high.public_id),
        ("CLEARED", low.public_id),
    ]


async def test_a_ping_that_is_not_recorded_is_no_sample(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)

    await desk.ping(monitor, {"load": 11}, life_only=True)
    await desk.record()

    assert await desk.told() == []
    assert (await desk.samples.keys(monitor.config.id)).keys == []


async def test_a_value_that_is_refused_as_its_monitor_has_too_many_keys_is_no_sample(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_writer, "MOST_KEYS", 1)
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 1, key="first")
    await desk.values(monitor, 11)
    assert await desk.told() == []


async def test_another_monitor_with_the_same_key_concerns_no_rule(desk: Desk) -> None:
    monitor, other = await desk.monitor(), await desk.monitor()
    await desk.rule(monitor)

    await desk.values(other, 11)

    assert await desk.told() == []


async def test_a_rule_that_is_made_now_judges_the_next_sample(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.values(monitor, 11)
    await desk.rule(monitor)
    await desk.values(monitor, 12)

    assert await desk.told() == [("breached", 12.0, 1.0)]


async def test_a_rule_judges_nothing_that_arrived_before_it_was_made(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.ping(monitor, {"load": 11}, at=-0.001)
    await desk.record()
    assert await desk.told() == []
    await desk.ping(monitor, {"load": 12}, at=0)
    await desk.record()
    assert await desk.told() == [("breached", 12.0, 0.0)]


@pytest.mark.parametrize(
    "changes",
    [{"metric_key": "other"}, {"operator": ">="}, {"threshold": 8.0}],
    ids=lambda one: next(iter(one)),
)
async def test_a_rule_that_measures_something_else_begins_anew_and_tells_nobody(
    desk: Desk, changes: dict[str, Any]
) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor, times=2)
    await desk.values(monitor, 11, 12)

    await desk.change_rule(rule, **changes)
    await desk.record()

    [(started, ended)] = await desk.incidents(monitor)
    assert started == 1.0
    assert ended is not None
    standing = await desk.standing(rule)
    assert standing is not None
    assert (standing.version, standing.streak, standing.is_open) == (2, 0, False)
    await desk.values(monitor, 5)
    assert [kind for kind, _, _ in await desk.told()] == ["breached"]


async def test_another_number_of_times_or_another_channel_leaves_the_streak(desk: Desk) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor, times=3)
    await desk.values(monitor, 11)

    await desk.change_rule(rule, consecutive_triggers=2)
    await desk.change_rule(rule, channel=await desk.channel())
    await desk.values(monitor, 12)

    assert [kind for kind, _, _ in await desk.told()] == ["breached"]


async def test_the_end_is_told_to_the_channel_that_was_told_of_the_breach(desk: Desk) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor)
    await desk.values(monitor, 11)
    await desk.change_rule(rule, channel=await desk.channel())
    await desk.values(monitor, 5, 11)

    first, end, second = await desk.raised()
    assert first.channel_id == end.channel_id
    assert second.channel_id != first.channel_id


Ending = Callable[[Desk, Any, Any], Any]


@pytest.mark.parametrize(
    "end",
    [
        lambda desk, monitor, rule: desk.delete_rule(rule),
        lambda desk, monitor, rule: desk.delete_channel(rule.wanted.channel),
        lambda desk, monitor, rule: desk.delete(monitor),
        lambda desk, monitor, rule: desk.change(monitor, MonitorChanges(paused=True)),
    ],
    ids=["rule deleted", "channel deleted", "monitor deleted", "monitor paused"],
)
async def test_an_open_incident_ends_in_silence_with_its_rule_even_if_nobody_pings(
    desk: Desk, end: Ending
) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor)
    await desk.values(monitor, 11)
    assert await desk.incidents(monitor) == [(0.0, None)]

    await end(desk, monitor, rule)
    await desk.record()

    assert [ended is None for _, ended in await desk.incidents(monitor)] == [False]
    assert [kind for kind, _, _ in await desk.told()] == ["breached"]


async def test_a_rule_that_is_gone_leaves_no_state(desk: Desk) -> None:
    monitor = await desk.monitor()
    rule = await desk.rule(monitor)
    await desk.values(monitor, 11)
    await desk.delete_rule(rule)
    await desk.record()

    assert desk.rows("SELECT * FROM alert_states") == []


async def test_while_a_monitor_is_paused_nothing_is_judged_and_then_it_begins_anew(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor, times=2)
    await desk.values(monitor, 11)
    await desk.change(monitor, MonitorChanges(paused=True))
    await desk.values(monitor, 12, 13)
    await desk.change(monitor, MonitorChanges(paused=False))
    await desk.values(monitor, 14)
    assert await desk.told() == []

    await desk.values(monitor, 15)

    assert [kind for kind, _, _ in await desk.told()] == ["breached"]


async def test_a_new_name_is_told_from_then_on(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 5)
    await desk.change(monitor, MonitorChanges(name="renamed"))
    await desk.values(monitor, 11)

    assert [event.name for event in await desk.raised()] == ["renamed"]


async def test_the_streak_goes_on_after_a_restart(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor, times=3)
    for value in (11, 12, 13, 5):
        await desk.values(monitor, value)
        await desk.begin_again()

    assert await desk.told() == [("breached", 13.0, 2.0), ("cleared", 5.0, 3.0)]


async def test_what_died_before_the_commit_is_judged_again_and_only_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor, times=3)
    await desk.values(monitor, 11)
    await desk.ping(monitor, {"load": 12})
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(desk.writer, "set_position", dies)
            with pytest.raises(Killed):
                await desk.record()

    await desk.record()
    assert await desk.told() == []
    assert desk.rows("SELECT streak FROM alert_states") == [(2,)]

    await desk.values(monitor, 13, 5)
    assert [kind for kind, _, _ in await desk.told()] == ["breached", "cleared"]
    assert len(await desk.incidents(monitor)) == 1


async def test_what_died_between_the_commit_and_the_raise_is_raised_once_by_the_next_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.ping(monitor, {"load": 11})
    with monkeypatch.context() as patch:
        patch.setattr(raising, "raise_events", dies)
        with pytest.raises(Killed):
            await desk.record()
    assert await desk.told() == []
    assert desk.recorder.alerts_waiting == 1

    await desk.begin_again()
    await desk.record()

    assert [kind for kind, _, _ in await desk.told()] == ["breached"]
    assert desk.recorder.alerts_waiting == 0


async def test_what_died_between_the_raise_and_the_removal_is_not_raised_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 11)
    assert len(desk.rows("SELECT * FROM alert_outbox")) == 1

    await desk.begin_again()
    monkeypatch.setattr(raising, "LOOK_EVERY_MS", 0)
    await desk.record()
    await desk.record()

    assert len(await desk.raised()) == 1


async def test_the_outbox_is_emptied_when_redis_has_had_it_for_long_enough(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "KEPT_MS", 0)
    monkeypatch.setattr(raising, "LOOK_EVERY_MS", 0)
    monitor = await desk.monitor()
    await desk.rule(monitor)

    await desk.values(monitor, 11, 5, 11)

    assert desk.rows("SELECT * FROM alert_outbox") == []
    assert len(await desk.raised()) == 3


async def test_a_redis_that_lost_its_last_moments_gets_them_again_in_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "LOOK_EVERY_MS", 0)
    monitor = await desk.monitor()
    await desk.rule(monitor)
    keys, redis = desk.stage.shard.keys, desk.stage.redis
    await desk.values(monitor, 11)
    raised, entries = await redis.get(keys.raised), await redis.xrange(keys.events)
    await desk.values(monitor, 5)
    lost = [entry for entry, _ in await redis.xrange(keys.events) if entry not in dict(entries)]
    await redis.xdel(keys.events, *lost)
    await redis.set(keys.raised, raised)

    await desk.values(monitor, 12)

    assert [kind for kind, _, _ in await desk.told()] == ["breached", "cleared", "breached"]


async def test_an_emptied_redis_gets_everything_that_is_still_in_the_outbox(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "LOOK_EVERY_MS", 0)
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 11)
    before = await desk.raised()
    keys = desk.stage.shard.keys
    await desk.stage.redis.delete(keys.raised, keys.events)

    await desk.record()

    assert await desk.raised() == before


async def test_a_history_that_begins_anew_goes_on_above_its_predecessor(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 11)
    await desk.end()
    for file in desk.data.glob("history.db*"):
        file.unlink()
    desk.begin()

    await desk.values(monitor, 12)

    assert [value for _, value, _ in await desk.told()] == [11.0, 12.0]


async def test_ids_of_the_outbox_grow_with_time(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    before = wall_ms() * 1000
    await desk.ping(monitor, {"load": 11}, {"load": 5}, {"load": 11})
    await desk.record()

    ids = [number for (number,) in desk.rows("SELECT id FROM alert_outbox ORDER BY id")]
    assert before <= ids[0] < ids[1] < ids[2] <= wall_ms() * 1000 + 3


async def test_without_config_db_nothing_is_recorded_and_nothing_lost(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.ping(monitor, {"load": 11})
    config, aside = desk.data / "config.db", desk.data / "aside"
    config.rename(aside)
    with pytest.raises(Unavailable):
        await desk.recorder.step()
    aside.rename(config)

    await desk.record()

    assert len(await desk.raised()) == 1


async def test_more_than_one_call_can_carry_is_raised_in_order(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.ping(monitor, *({"load": value} for value in (11, 5) * 125))
    await desk.record()

    events = await desk.raised()
    assert [event.kind for event in events] == [EventKind.BREACHED, EventKind.CLEARED] * 125
    assert len({event.incident_id for event in events}) == 125
