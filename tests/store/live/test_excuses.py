"""Nobody is called down by an edit, by a window that goes, or by blind time near a quiet one; and no miss is lost."""

from __future__ import annotations

from uuid import UUID

from store.beat import Signal
from store.live.event_kind import Cause, EventKind
from store.live.refreshing import refresh_rules
from store.monitor import status_of
from store.monitor_rules import MonitorRules
from tests.stage import START_MS, Stage, config_of
from tests.store.live.test_rules import HOURLY, START_S, leap, outages

START = Signal.START
DAY_S = 86_400
ONE, OTHER = UUID(int=1), UUID(int=2)
QUIET = MonitorRules(quiet=((START_S + 35, START_S + 300),))


async def go_deaf(stage: Stage, since: float, until: float) -> None:
    """All is heard up to a moment, and nothing from then until another one."""
    await leap(stage, since)
    await stage.move_to(until)
    await stage.ping()


async def test_blind_time_within_a_quiet_time_leaves_the_deadline_behind_it(stage: Stage) -> None:
    await stage.put(config_of(1, rules=QUIET))
    await go_deaf(stage, 60, 65)
    await stage.ping(1, signal=Signal.LOG)
    assert await stage.deadline(1) == 340


async def test_blind_time_after_a_long_quiet_time_is_an_excuse(stage: Stage) -> None:
    await stage.put(config_of(1, rules=QUIET))
    await go_deaf(stage, 310, 320)
    await stage.listen(341)
    await stage.sweep()
    assert await stage.told() == []


async def test_patience_with_a_schedule_is_measured_by_its_interval(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=HOURLY))
    await leap(stage, 3598)
    await stage.ping(1)
    await stage.move_to(3605)
    await stage.ping()
    first = await stage.redis.get(stage.shard.keys.blind)
    await stage.move_to(7210)
    await stage.ping()
    await stage.redis.set(stage.shard.keys.blind, first)
    await stage.move_to(7225)
    await stage.ping()
    await stage.listen(7265)
    await stage.sweep()
    assert await stage.told() == []


async def test_an_edit_does_not_swallow_a_miss_that_was_not_swept_yet(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60, rules=HOURLY))
    await leap(stage, 3661)
    await stage.put(config_of(1, 3600, 60, rules=HOURLY, version=2))
    await stage.sweep()
    assert await outages(stage) == [(EventKind.DOWN, 3660)]


async def test_what_overran_while_it_was_down_is_no_second_incident(stage: Stage) -> None:
    await stage.put(config_of(1, 300, 10, rules=MonitorRules(max_runtime_s=60)))
    await stage.ping(1, signal=START, run=ONE)
    await stage.listen(5)
    await stage.ping(1, signal=START, run=OTHER)
    await leap(stage, 60)
    await stage.sweep()
    await leap(stage, 100)
    await stage.ping(1)
    await leap(stage, 101)
    await stage.sweep()
    assert await outages(stage) == [(EventKind.DOWN, 60), (EventKind.UP, 100)]


async def test_a_window_that_is_taken_away_gives_a_fresh_one(stage: Stage) -> None:
    await stage.put(config_of(1, rules=QUIET))
    await leap(stage, 90)
    await refresh_rules(stage.shard, [(1, 1, MonitorRules())])
    await stage.sweep()
    assert await stage.told() == []
    assert await stage.deadline(1) == 130


async def test_a_quiet_time_long_ago_keeps_its_effect(stage: Stage) -> None:
    quiet = ((START_S + 7 * DAY_S, START_S + 7 * DAY_S + 7200),)
    await stage.put(config_of(1, 7 * DAY_S, 3600, rules=MonitorRules(quiet=quiet)))
    await leap(stage, 9 * DAY_S)
    await refresh_rules(stage.shard, [(1, 1, MonitorRules())])
    await stage.sweep()
    assert await stage.told() == []


async def test_a_shorter_longest_time_does_not_tell_of_runs_that_were_well(stage: Stage) -> None:
    await stage.put(config_of(1, 300, 10))
    await stage.ping(1, signal=START, run=ONE)
    await leap(stage, 50)
    await stage.put(config_of(1, 300, 10, rules=MonitorRules(max_runtime_s=20), version=2))
    await stage.sweep()
    assert await stage.told() == []
    await stage.ping(1, signal=START, run=OTHER)
    await leap(stage, 70)
    await stage.sweep()
    (event,) = await stage.events()
    assert (event.cause, event.at_ms) == (Cause.OVERRUN, START_MS + 70_000)


async def test_runs_without_a_longest_time_make_room_for_others(stage: Stage) -> None:
    await stage.put(config_of(1))
    for number in range(1, 33):
        await stage.ping(1, signal=START, run=UUID(int=number))
    await stage.listen(10)
    await stage.ping(1, signal=START, run=UUID(int=99))
    await stage.listen(12)
    await stage.ping(1, run=UUID(int=99))
    assert await stage.durations() == [(0, 10)]


async def test_a_run_under_way_makes_nobody_late(stage: Stage) -> None:
    config = config_of(1, DAY_S, 3600, rules=MonitorRules(max_runtime_s=600))
    await stage.put(config)
    await stage.listen(5)
    await stage.ping(1, signal=START)
    assert status_of(config, await stage.state(1), stage.now_ms) == "up"
