"""Schedules, quiet times, reminders and arming, as the live side knows them: in moments, without cron or time zone."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from store.beat import Signal
from store.live.event_kind import Cause, EventKind
from store.live.heads import Outcome, pack_head
from store.live.inspecting import inspect
from store.live.planting import Restored, create_monitors, restore_monitors
from store.live.refreshing import Taken, refresh_rules
from store.monitor import MonitorState, Phase, deadline_of, status_of
from store.monitor_rules import MonitorRules
from store.projection import PutMonitor
from tests.stage import START_MS, Stage, config_of, digest_of

START_S = START_MS // 1000
HOURLY = MonitorRules(
    is_scheduled=True, schedule="0 * * * * UTC", ticks=tuple(START_S + 3600 * n for n in range(1, 9))
)


def at(*seconds: int) -> tuple[int, ...]:
    return tuple(START_S + second for second in seconds)


async def outages(stage: Stage) -> list[tuple[EventKind, float]]:
    return [(e.kind, (e.at_ms - START_MS) / 1000) for e in await stage.events()]


async def leap(stage: Stage, second: float) -> None:
    """Time passes, and all of it was listened to."""
    await stage.redis.delete(stage.shard.keys.blind)
    await stage.move_to(second)
    await stage.ping()
    await stage.redis.delete(stage.shard.keys.blind)


async def test_a_scheduled_monitor_is_due_at_the_next_tick_after_its_last_ping(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=HOURLY))
    assert await stage.deadline(1) == 3660
    await leap(stage, 3605)
    await stage.ping(1)
    assert await stage.deadline(1) == 7260
    await leap(stage, 7260)
    await stage.sweep()
    (event,) = await stage.events()
    assert (event.kind, event.started_ms - START_MS, event.schedule) == (
        EventKind.DOWN,
        7_260_000,
        "0 * * * * UTC",
    )


async def test_a_ping_at_the_very_tick_is_the_one_that_was_due(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 0, rules=HOURLY))
    await leap(stage, 3600)
    await stage.ping(1)
    assert await stage.deadline(1) == 7200


async def test_so_many_missed_ticks_make_an_incident(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=msgspec.structs.replace(HOURLY, failures=3)))
    assert await stage.deadline(1) == 3 * 3600 + 60


async def test_blind_time_that_touches_the_window_moves_it_to_the_next_tick(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=HOURLY))
    await leap(stage, 3590)
    await stage.move_to(3640)
    await stage.ping()
    await stage.listen(3661)
    await stage.sweep()
    assert await stage.told() == []
    assert await stage.deadline(1) == 7260


async def test_without_ticks_ahead_there_is_no_verdict_until_there_are_some(stage: Stage) -> None:
    await stage.put(config_of(1, 60, 0, rules=MonitorRules(is_scheduled=True, ticks=at(60), schedule="x")))
    await leap(stage, 59)
    await stage.ping(1)
    await leap(stage, 60)
    await stage.ping(1)
    await leap(stage, 9000)
    await stage.sweep()
    assert await stage.told() == []
    state = await stage.state(1)
    assert deadline_of(config_of(1), state) is None
    more = MonitorRules(is_scheduled=True, ticks=at(60, 120, 9060), schedule="x")
    assert await refresh_rules(stage.shard, [(1, 1, more), (2, 1, more)]) == [Taken.TAKEN, Taken.GONE]
    await stage.sweep()
    assert await outages(stage) == [(EventKind.DOWN, 120)]


async def test_refreshing_leaves_another_version_alone(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=HOURLY))
    assert await refresh_rules(stage.shard, [(1, 2, MonitorRules(failures=2))]) == [Taken.OTHER_VERSION]
    assert await stage.deadline(1) == 3660


async def test_changing_a_schedule_counts_from_the_last_ping_and_never_makes_overdue(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=HOURLY))
    await leap(stage, 3605)
    await stage.ping(1)
    await leap(stage, 5000)
    later = MonitorRules(is_scheduled=True, ticks=at(3700, 6000, 9000), schedule="y")
    await stage.put(config_of(1, 3600, 60, rules=later, version=2))
    assert await stage.deadline(1) == 6060
    await stage.put(config_of(1, 30, 10, version=3))
    assert await stage.deadline(1) == 5040
    assert await stage.redis.exists(stage.shard.keys.rules) == 0


@pytest.mark.parametrize(
    ("former", "later", "failures", "deadline"),
    [
        pytest.param((3600, 7200), (3600, 4950, 9000), 1, 9300, id="a tick that only the new one had"),
        pytest.param(
            (4900, 7200), (4900, 4950, 9000), 1, 5200, id="a tick that both had, whatever follows it"
        ),
        pytest.param(
            (4950, 7200), (4900, 4950, 9000), 1, 5250, id="a tick that both had, behind one that they had not"
        ),
        pytest.param((4900, 7200), (4900, 4950, 9000, 9900), 2, 10_200, id="two in a row, one of them new"),
        pytest.param((4900, 4950), (4900, 4950, 9000, 9900), 2, 5250, id="two in a row that both had"),
        pytest.param((), (4950, 9000), 1, 9300, id="an interval before"),
    ],
)
async def test_another_schedule_tells_of_no_tick_that_the_former_one_did_not_have(
    stage: Stage, former: tuple[int, ...], later: tuple[int, ...], failures: int, deadline: int
) -> None:
    rules = MonitorRules(is_scheduled=True, ticks=at(600, *former), schedule="x", failures=failures)
    await stage.put(config_of(1, 3600, 300, rules=rules if former else None))
    await leap(stage, 3605)
    await stage.ping(1)
    await leap(stage, 5000)
    changed = MonitorRules(is_scheduled=True, ticks=at(600, *later), schedule="y", failures=failures)
    await stage.put(config_of(1, 3600, 300, rules=changed, version=2))
    assert await stage.deadline(1) == deadline


async def test_another_schedule_counts_from_now_where_blind_or_quiet_time_has_ended_since(
    stage: Stage,
) -> None:
    rules = MonitorRules(is_scheduled=True, ticks=at(600, 4900, 7200), schedule="x")
    later = MonitorRules(is_scheduled=True, ticks=at(600, 4900, 4950, 9000), schedule="y")
    quiet = ((START_S + 4890, START_S + 4940),)
    for number in (1, 2):
        await stage.put(config_of(number, 3600, 0 if number == 2 else 300, rules=rules))
    await leap(stage, 3605)
    await stage.ping(1, 2)
    await stage.put(config_of(2, 3600, 300, rules=msgspec.structs.replace(rules, quiet=quiet), version=2))
    await leap(stage, 4895)
    await stage.move_to(4905)
    await stage.ping()
    await stage.listen(5000)
    changed = msgspec.structs.replace(later, quiet=quiet)
    await stage.put(config_of(1, 3600, 300, rules=later, version=2))
    await stage.redis.delete(stage.shard.keys.blind)
    await stage.put(config_of(2, 3600, 300, rules=changed, version=3))
    assert [await stage.deadline(one) for one in (1, 2)] == [9300, 9300]


async def test_another_schedule_that_is_not_known_back_to_the_last_ping_counts_from_now(stage: Stage) -> None:
    """What is worked out with the change reaches back a day; the keeper knows the rest a moment later."""
    weekly = MonitorRules(is_scheduled=True, ticks=at(600, 600_000), schedule="x")
    await stage.put(config_of(1, 3600, 300_000, rules=weekly))
    await leap(stage, 700)
    await stage.ping(1)
    await leap(stage, 200_000)
    daily = MonitorRules(is_scheduled=True, ticks=at(250_000), schedule="y")
    await stage.put(config_of(1, 3600, 300_000, rules=daily, version=2))
    all_of_it = MonitorRules(is_scheduled=True, ticks=at(90_000, 250_000), schedule="y")
    await refresh_rules(stage.shard, [(1, 2, all_of_it)])
    assert await stage.deadline(1) == 550_000


async def test_another_name_or_grace_forgives_no_tick(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 300, rules=HOURLY))
    await leap(stage, 3700)
    await stage.put(config_of(1, 3600, 600, rules=HOURLY, version=2))
    assert await stage.deadline(1) == 4200


async def test_a_deadline_in_a_quiet_time_is_put_off_beyond_it(stage: Stage) -> None:
    quiet = MonitorRules(quiet=((START_S + 35, START_S + 100),))
    await stage.put(config_of(1, rules=quiet))
    assert await stage.deadline(1) == 140
    await stage.listen(60)
    await stage.ping(1, signal=Signal.FAIL)
    await stage.listen(139.9)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(140)
    await stage.sweep()
    (event,) = await stage.events()
    assert (event.at_ms - START_MS, event.cause, event.delayed_ms) == (140_000, Cause.MISSED, 0)


@pytest.mark.parametrize(
    ("begin", "end", "deadline"), [(41, 100, 40), (10, 40, 40), (40, 41, 81), (10, 41, 81)]
)
async def test_a_quiet_time_counts_where_the_deadline_falls_into_it(
    stage: Stage, begin: int, end: int, deadline: int
) -> None:
    await stage.put(config_of(1, rules=MonitorRules(quiet=((START_S + begin, START_S + end),))))
    assert await stage.deadline(1) == deadline


async def test_a_quiet_time_comes_to_a_monitor_that_has_no_other_rules_and_goes_again(stage: Stage) -> None:
    await stage.put(config_of(1))
    await refresh_rules(stage.shard, [(1, 1, MonitorRules(quiet=((START_S + 35, START_S + 100),)))])
    assert await stage.deadline(1) == 140
    await refresh_rules(stage.shard, [(1, 1, MonitorRules())])
    assert await stage.deadline(1) == 40
    assert await stage.redis.exists(stage.shard.keys.rules) == 0


async def test_reminders_come_as_often_as_asked_while_down_and_not_in_quiet_time(stage: Stage) -> None:
    rules = MonitorRules(reminder_s=60, quiet=((START_S + 150, START_S + 170),))
    await stage.put(config_of(1, rules=rules))
    for second in (40, 99, 100, 101, 160, 221):
        await leap(stage, second)
        await stage.sweep()
    down, first, again = await stage.events()
    assert [(e.kind, e.at_ms - START_MS) for e in (down, first, again)] == [
        (EventKind.DOWN, 40_000),
        (EventKind.REMINDER, 100_000),
        (EventKind.REMINDER, 221_000),
    ]
    assert len({e.incident_id for e in (down, first, again)}) == 1
    assert first.started_ms == down.started_ms
    await stage.ping(1)
    assert await stage.redis.exists(stage.shard.keys.reminders) == 0


async def test_nobody_is_reminded_of_while_a_writer_may_hold_the_ping_that_ended_it(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(reminder_s=60)))
    other = await stage.new_writer("main-1")
    for second in (40, 99):
        await leap(stage, second)
        await other.record([], b"", b"", stage.now_ms)
        await stage.sweep()
    for second in (101, 130):  # the other one is stuck
        await leap(stage, second)
        await stage.sweep()
    assert [e.kind for e in await stage.events()] == [EventKind.DOWN]
    heard_ms = START_MS + 99_500
    await other.record([b"1"], pack_head(heard_ms, 1, 1, 0), b"", stage.now_ms)
    await stage.sweep()
    assert [(e.kind, e.at_ms) for e in await stage.events()] == [(EventKind.UP, heard_ms)]


async def test_a_reminder_that_waited_for_a_writer_is_told_once(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(reminder_s=60)))
    other = await stage.new_writer("main-1")
    for second in (40, 99):
        await leap(stage, second)
        await other.record([], b"", b"", stage.now_ms)
        await stage.sweep()
    await leap(stage, 230)
    await stage.sweep()
    await other.record([], b"", b"", stage.now_ms)
    for _ in range(2):
        await stage.sweep()
    assert [e.kind for e in await stage.events()] == [EventKind.DOWN, EventKind.REMINDER]


async def test_whoever_is_not_down_is_not_reminded_of(stage: Stage) -> None:
    await stage.put(config_of(1, 300, 0, rules=MonitorRules(reminder_s=60)))
    await stage.redis.zadd(stage.shard.keys.reminders, {"1": START_MS})
    await leap(stage, 1)
    await stage.sweep()
    assert await stage.events() == []
    assert await stage.redis.exists(stage.shard.keys.reminders) == 0


async def test_a_pause_ends_reminders_and_an_edit_may_begin_them(stage: Stage) -> None:
    await stage.put(config_of(1))
    await leap(stage, 40)
    await stage.sweep()
    await stage.put(config_of(1, rules=MonitorRules(reminder_s=60), version=2))
    assert await stage.redis.zscore(stage.shard.keys.reminders, "1") == START_MS + 100_000
    await stage.put(config_of(1, rules=MonitorRules(reminder_s=60), version=3, paused=True))
    assert await stage.redis.exists(stage.shard.keys.reminders) == 0


async def test_who_is_armed_by_its_first_ping_is_not_awaited_before(stage: Stage) -> None:
    config = config_of(1, rules=MonitorRules(is_armed_by_ping=True))
    await stage.put(config)
    await leap(stage, 9000)
    await stage.sweep()
    state = await stage.state(1)
    assert await stage.told() == []
    assert status_of(config, state, START_MS + 9_000_000) == "new"
    assert deadline_of(config, state) is None
    await stage.ping(1)
    assert await stage.deadline(1) == 9040


@pytest.mark.parametrize("signal", [Signal.START, Signal.FAIL])
async def test_any_ping_arms(stage: Stage, signal: Signal) -> None:
    await stage.put(config_of(1, rules=MonitorRules(is_armed_by_ping=True, failures=2)))
    await leap(stage, 500)
    await stage.ping(1, signal=signal)
    assert await stage.deadline(1) == 570


async def test_to_arm_it_by_an_edit_gives_a_fresh_window(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(is_armed_by_ping=True)))
    await leap(stage, 500)
    await stage.put(config_of(1, version=2))
    assert await stage.deadline(1) == 540


async def test_look_and_inspect_know_the_deadline_of_whoever_has_rules(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=HOURLY))
    state = await stage.state(1)
    assert state is not None and state.deadline_ms == START_MS + 3_660_000
    (found,) = await inspect(stage.shard, [1])
    assert (found.stored_ms, found.least_ms, found.deadline_ms) == (START_MS + 3_660_000,) * 3


async def test_imported_and_restored_monitors_have_their_rules(stage: Stage) -> None:
    put = PutMonitor(config_of(1, 3600, 60, rules=HOURLY), (digest_of(1),))
    assert await create_monitors(stage.shard, [put]) == 1
    assert await stage.deadline(1) == 3660
    down = MonitorState(
        phase=Phase.DOWN, base_ms=START_MS - 90_000, seen_ms=0, recorded_ms=0, down_at_ms=START_MS - 50_000
    )
    rules = MonitorRules(reminder_s=60)
    await restore_monitors(stage.shard, [Restored(config_of(2, rules=rules), (digest_of(2),), down)])
    await leap(stage, 11)
    await stage.sweep()
    assert await outages(stage) == [(EventKind.REMINDER, 11)]


async def test_rules_that_cannot_be_read_break_their_monitor_alone(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(failures=2)))
    await stage.put(config_of(2))
    await stage.redis.hset(stage.shard.keys.rules, "1", b"\x01\x02")
    assert [outcome.name for outcome in await stage.ping(1, 2)] == ["BROKEN", "RECORDED"]
    await leap(stage, 71)
    await stage.sweep()
    assert await stage.told() == [("down", 2, 40)]
    assert await stage.redis.smembers(stage.shard.keys.broken) == {b"1"}


@pytest.mark.parametrize("by", ["a change", "the keeper"])
async def test_one_whose_rules_can_be_read_again_is_watched_and_not_marked_any_more(
    stage: Stage, by: str
) -> None:
    rules = MonitorRules(failures=2)
    await stage.put(config_of(1, rules=rules))
    await stage.put(config_of(2, rules=rules))
    for number in ("1", "2"):
        await stage.redis.hset(stage.shard.keys.rules, number, b"\x01\x02")
    await stage.ping(1, 2)
    await leap(stage, 71)
    await stage.sweep()
    if by == "a change":
        await stage.put(config_of(1, rules=rules, version=2))
    else:
        assert await refresh_rules(stage.shard, [(1, 1, rules)]) == [Taken.TAKEN]
    assert await stage.redis.smembers(stage.shard.keys.broken) == {b"2"}
    assert await stage.ping(1) == [Outcome.RECORDED]
    assert await stage.deadline(1) == 141


async def test_an_overrun_knows_when_its_run_began_although_a_quiet_time_put_it_off(stage: Stage) -> None:
    rules = MonitorRules(max_runtime_s=20, reminder_s=60, quiet=((START_S + 25, START_S + 50),))
    await stage.put(config_of(1, 3600, rules=rules))
    await leap(stage, 10)
    await stage.ping(1, signal=Signal.START, run=UUID(int=1))
    await leap(stage, 12)
    await stage.ping(1, signal=Signal.START, run=UUID(int=2))
    for second in (70, 130):
        await leap(stage, second)
        await stage.sweep()
    await stage.ping(1, signal=Signal.FAIL, run=UUID(int=1))
    await leap(stage, 190)
    await stage.sweep()
    await stage.ping(1, run=UUID(int=2))
    told = [(e.kind, e.cause, e.run_started_ms) for e in await stage.events()]
    assert told == [
        (EventKind.DOWN, Cause.OVERRUN, START_MS + 10_000),
        (EventKind.REMINDER, Cause.OVERRUN, START_MS + 10_000),
        (EventKind.REMINDER, Cause.OVERRUN, 0),
        (EventKind.UP, Cause.OVERRUN, 0),
    ]
