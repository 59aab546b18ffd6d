"""Pings of monitors with rules that come late, at the last moment or out of order are judged as all others are."""

from __future__ import annotations

from uuid import UUID

import pytest

from store.beat import Signal
from store.monitor_rules import MonitorRules
from tests.stage import START_MS, Stage, config_of

RUN = UUID(int=7)
# Due 40 s after the last sign of life, as without rules.
RULED = MonitorRules(max_runtime_s=3600)


@pytest.fixture
async def ruled(stage: Stage) -> Stage:
    await stage.put(config_of(1, rules=RULED))
    return stage


async def test_a_ping_at_the_very_end_of_a_window_that_blind_time_has_moved_is_in_time(ruled: Stage) -> None:
    await ruled.listen(10)
    await ruled.move_to(12)
    await ruled.ping()
    await ruled.listen(52)
    assert await ruled.holes() == [(10, 12)]
    assert await ruled.deadline(1) == 40
    await ruled.ping(1)
    assert await ruled.told() == []
    assert await ruled.deadline(1) == 92


async def test_a_deadline_up_to_which_another_writer_has_not_heard_is_not_judged_by_a_late_ping(
    ruled: Stage,
) -> None:
    await ruled.new_writer("main-1")
    await ruled.listen(45)
    await ruled.ping(1)
    assert await ruled.told() == []


async def test_a_ping_that_was_overtaken_by_a_later_one_does_not_pull_the_deadline_back(ruled: Stage) -> None:
    await ruled.listen(10)
    await ruled.ping(1)
    await ruled.ping(1, at=5)
    assert await ruled.deadline(1) == 50
    state = await ruled.state(1)
    assert state is not None and state.seen_ms == state.base_ms == ruled.now_ms


async def test_whoever_is_dead_is_found_out_however_often_blind_time_touches_the_window(ruled: Stage) -> None:
    for begins in range(30, 160, 32):
        await ruled.listen(begins)
        await ruled.move_to(begins + 2)
        await ruled.ping()
    await ruled.sweep()
    assert await ruled.told() == [("down", 1, 136)]


async def test_an_incident_does_not_end_before_it_began(ruled: Stage) -> None:
    await ruled.listen(45)
    await ruled.sweep()
    await ruled.ping(1, at=35)
    assert await ruled.told() == [("down", 1, 40), ("up", 1, 40)]


async def test_a_change_of_the_longest_time_hides_no_overrun_that_no_sweep_has_seen(ruled: Stage) -> None:
    await ruled.put(config_of(1, version=2, rules=MonitorRules(max_runtime_s=20)))
    await ruled.ping(1, signal=Signal.START, run=RUN)
    await ruled.listen(25)
    await ruled.put(config_of(1, version=3, rules=MonitorRules(max_runtime_s=22)))
    await ruled.sweep()
    assert await ruled.told() == [("down", 1, 22)]


@pytest.mark.parametrize(("second", "is_told"), [(9.999, True), (10, False), (19.999, False), (20, True)])
async def test_a_quiet_time_begins_and_ends_to_the_moment(stage: Stage, second: float, is_told: bool) -> None:
    start_s = START_MS // 1000
    await stage.put(config_of(1, rules=MonitorRules(quiet=((start_s + 10, start_s + 20),))))
    await stage.listen(second)
    await stage.ping(1, signal=Signal.FAIL)
    assert await stage.told() == [("down", 1, second)] * is_told


@pytest.mark.parametrize(("second", "is_begun"), [(601, False), (603, True)])
async def test_the_id_of_a_run_that_ended_ten_minutes_ago_may_be_used_again(
    ruled: Stage, second: float, is_begun: bool
) -> None:
    await ruled.ping(1, signal=Signal.START, run=RUN)
    await ruled.listen(2)
    await ruled.ping(1, run=RUN)
    await ruled.move_to(second)
    await ruled.ping(1, signal=Signal.START, run=RUN)
    await ruled.ping(1, run=RUN)
    assert len(await ruled.durations()) == 1 + is_begun


@pytest.mark.parametrize("cause", [Signal.SUCCESS, Signal.FAIL])
async def test_whoever_was_down_when_the_clock_was_stepped_back_comes_up_and_is_awaited_from_then(
    ruled: Stage, cause: Signal
) -> None:
    await ruled.listen(5000, step=1000)
    await ruled.ping(1)
    await ruled.listen(5041)
    if cause is Signal.FAIL:
        await ruled.ping(1)
        await ruled.ping(1, signal=cause)
    else:
        await ruled.sweep()
    await ruled.step_clock(-3600)
    await ruled.ping()
    await ruled.told()
    await ruled.listen(1450)
    await ruled.ping(1)
    assert [kind for kind, _, _ in await ruled.told()] == ["up"]
    assert await ruled.deadline(1) == 1490
