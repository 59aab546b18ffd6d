"""Signals: a failure opens an incident at once, runs have an end, and what is only said is no sign of life."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from store.beat import Signal
from store.live.event_kind import Cause
from store.live.heads import HAS_RUN, SIGNAL_SHIFT, Outcome, pack_head
from store.monitor_rules import MonitorRules
from store.projection import PutPlan
from tests.stage import ORG, START_MS, Stage, config_of

ONE, OTHER = UUID(int=1), UUID(int=2)
FAIL, START, LOG = Signal.FAIL, Signal.START, Signal.LOG


async def causes(stage: Stage) -> list[tuple[str, Cause, float]]:
    return [(e.kind.name.lower(), e.cause, (e.at_ms - START_MS) / 1000) for e in await stage.events()]


async def runs(stage: Stage, monitor_id: int = 1) -> Any:
    return await stage.redis.hget(stage.shard.keys.runs, str(monitor_id))


async def test_a_failure_is_an_incident_at_once_and_the_next_success_ends_it(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.listen(5)
    assert await stage.ping(1) == [Outcome.RECORDED]
    await stage.listen(10)
    assert await stage.ping(1, signal=FAIL) == [Outcome.RECORDED]
    down = await stage.state(1)
    assert down is not None and (down.phase.name, down.down_at_ms) == ("DOWN", START_MS + 10_000)
    await stage.ping(1, signal=FAIL)
    await stage.listen(11)
    await stage.ping(1)
    events = await stage.events()
    assert [(e.kind.name, e.cause, e.at_ms - START_MS, e.name) for e in events] == [
        ("DOWN", Cause.FAILED, 10_000, "job 1"),
        ("UP", Cause.FAILED, 11_000, "job 1"),
    ]
    assert len({e.incident_id for e in events}) == 1
    # A failure was heard of itself; whoever comes back tells when it was heard of before.
    assert [e.seen_ms - START_MS for e in events] == [10_000, 10_000]
    assert await stage.deadline(1) == 51
    assert await runs(stage) is None


async def test_a_failure_does_not_move_the_deadline_nor_hide_a_miss(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(failures=2)))
    await stage.listen(60)
    await stage.ping(1, signal=FAIL)
    assert await stage.deadline(1) == 70
    await stage.listen(75)
    await stage.ping(1, signal=FAIL)
    assert await causes(stage) == [("down", Cause.MISSED, 70)]


async def test_a_failure_counts_although_its_start_or_that_of_another_run_was_committed_first(
    stage: Stage,
) -> None:
    for number, failed in enumerate((ONE, OTHER, None), start=1):
        await stage.put(config_of(number, rules=MonitorRules(max_runtime_s=60)))
        await stage.move_to(number + 0.5)
        await stage.ping(number, signal=START, run=ONE)
        await stage.ping(number, signal=FAIL, run=failed, at=number + 0.4)
        assert await causes(stage) == [("down", Cause.FAILED, number + 0.5)]


async def test_a_failure_counts_although_the_monitor_was_made_or_changed_after_it_was_stamped(
    stage: Stage,
) -> None:
    await stage.move_to(10)
    await stage.put(config_of(1))
    await stage.ping(1, signal=FAIL, at=9.9)
    assert await causes(stage) == [("down", Cause.FAILED, 10)]


async def test_a_run_that_failed_before_another_one_succeeded_is_told_and_what_succeeded_since_is_not(
    stage: Stage,
) -> None:
    await stage.put(config_of(1))
    await stage.listen(5)
    await stage.ping(1, signal=START, run=ONE)
    await stage.listen(9)
    await stage.ping(1)
    await stage.ping(1, signal=FAIL, run=OTHER, at=8.9)
    assert await causes(stage) == []
    await stage.ping(1, signal=FAIL, run=ONE, at=8.9)
    assert await causes(stage) == [("down", Cause.FAILED, 9)]


async def test_so_many_failures_in_a_row_make_an_incident(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(failures=3)))
    for signal in (FAIL, FAIL, Signal.SUCCESS, FAIL, FAIL):
        await stage.listen(stage_second(stage) + 1)
        await stage.ping(1, signal=signal)
    assert await stage.told() == []
    await stage.ping(1, signal=FAIL)
    assert await causes(stage) == [("down", Cause.FAILED, 5)]


async def test_so_many_missed_intervals_make_an_incident(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(failures=3)))
    await stage.listen(99.9)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(100)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 100)]


async def test_a_log_changes_nothing(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.ping(1)
    before = await stage.state(1)
    await stage.listen(20)
    assert await stage.ping(1, signal=LOG) == [Outcome.RECORDED]
    after = await stage.state(1)
    assert before and after and (after.base_ms, after.seen_ms) == (before.base_ms, before.seen_ms)
    assert await stage.deadline(1) == 40


async def test_a_start_without_a_longest_time_moves_no_deadline_but_measures(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.listen(10)
    await stage.ping(1, signal=START)
    assert await stage.deadline(1) == 40
    await stage.listen(22)
    await stage.ping(1)
    assert await stage.durations() == [(0, 10)]
    assert await runs(stage) is None
    assert await stage.deadline(1) == 62


async def test_runs_are_paired_by_their_ids_in_any_order(stage: Stage) -> None:
    await stage.put(config_of(1))
    for second, signal, run in (
        (1, START, ONE),
        (2, START, OTHER),
        (3, Signal.SUCCESS, ONE),
        (4, START, ONE),
        (5, FAIL, OTHER),
        (6, Signal.SUCCESS, ONE),
    ):
        await stage.listen(second)
        await stage.ping(1, signal=signal, run=run)
    assert await stage.durations() == [(0, 1), (0, 2)]


async def test_a_run_that_does_not_end_in_time_is_an_incident(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=8)))
    await stage.listen(5)
    await stage.ping(1, signal=START, run=ONE)
    assert await stage.deadline(1) == 13
    await stage.listen(12.9)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(13)
    await stage.sweep()
    assert await causes(stage) == [("down", Cause.OVERRUN, 13)]
    await stage.listen(20)
    await stage.ping(1, run=ONE)
    assert await causes(stage) == [("up", Cause.OVERRUN, 20)]
    assert await stage.durations() == [(0, 5)]


async def test_an_end_that_comes_too_late_does_not_hide_the_overrun(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=8)))
    await stage.ping(1, signal=START)
    await stage.listen(9)
    await stage.ping(1)
    assert await causes(stage) == [("down", Cause.OVERRUN, 8), ("up", Cause.OVERRUN, 9)]


async def test_whoever_starts_again_and_again_and_never_ends_is_found_out(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=8)))
    for second in range(0, 9, 2):
        await stage.listen(second)
        await stage.ping(1, signal=START)
    await stage.sweep()
    assert await causes(stage) == [("down", Cause.OVERRUN, 8)]


async def test_a_bounded_start_is_a_sign_of_life(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=60)))
    await stage.listen(39)
    await stage.ping(1, signal=START)
    assert await stage.deadline(1) == 79


async def test_only_so_many_runs_are_watched_and_a_further_start_is_counted_and_no_sign_of_life(
    stage: Stage,
) -> None:
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=600)))
    for number in range(1, 33):
        await stage.ping(1, signal=START, run=UUID(int=number))
    await stage.listen(5)
    assert (await stage.live.tallies()).runs_unwatched == 0
    await stage.ping(1, signal=START, run=UUID(int=99))
    assert await stage.deadline(1) == 40
    assert (await stage.live.tallies()).runs_unwatched == 1
    await stage.ping(1, run=UUID(int=99))
    assert await stage.durations() == []


async def test_blind_time_excuses_a_run(stage: Stage) -> None:
    await stage.put(config_of(1, 100, 0, rules=MonitorRules(max_runtime_s=8)))
    await stage.listen(2)
    await stage.ping(1, signal=START)
    await stage.move_to(7)
    await stage.ping()
    await stage.listen(14.9)
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(15)
    await stage.sweep()
    (event,) = await stage.events()
    assert (event.cause, event.at_ms - START_MS, event.delayed_ms) == (Cause.OVERRUN, 15_000, 5000)
    await stage.ping(1)
    (end,) = await stage.events()
    assert (end.kind.name, end.delayed_ms) == ("UP", 5000)


async def test_a_failure_counts_under_any_plan_and_the_end_of_a_run_may_come_early(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.live.project(PutPlan(ORG, 1, 60, 0))
    await stage.listen(1)
    assert await stage.ping(1, signal=START) == [Outcome.RECORDED]
    await stage.listen(3)
    assert await stage.ping(1) == [Outcome.RECORDED]
    await stage.listen(4)
    assert await stage.ping(1) == [Outcome.LIMITED]
    assert await stage.ping(1, signal=FAIL) == [Outcome.RECORDED]
    assert await stage.ping(1, signal=FAIL) == [Outcome.LIMITED]
    assert await causes(stage) == [("down", Cause.FAILED, 4)]
    await stage.listen(61)
    assert await stage.ping(1, signal=START) == [Outcome.RECORDED]


async def test_the_next_start_is_held_to_the_plan_from_the_last_one_on(stage: Stage) -> None:
    await stage.put(config_of(1, 120, 0))
    await stage.live.project(PutPlan(ORG, 1, 60, 0))
    for second, signal in ((1, START), (50, Signal.SUCCESS), (59, START)):
        await stage.listen(second)
        assert await stage.ping(1, signal=signal) == [Outcome.RECORDED]


async def test_an_overrun_is_one_failure_of_those_that_make_an_incident(stage: Stage) -> None:
    await stage.put(config_of(1, 300, 0, rules=MonitorRules(max_runtime_s=5, failures=2)))
    await stage.ping(1, signal=START, run=ONE)
    await stage.listen(6)
    await stage.sweep()
    assert await stage.told() == []
    await stage.ping(1, signal=START, run=OTHER)
    await stage.listen(11)
    await stage.sweep()
    assert await causes(stage) == [("down", Cause.OVERRUN, 11)]


async def test_a_sweep_judges_fewer_monitors_that_have_many_runs(stage: Stage) -> None:
    for monitor in (1, 2, 3):
        await stage.put(config_of(monitor, 300, 0, rules=MonitorRules(max_runtime_s=5)))
        for number in range(16):
            await stage.ping(monitor, signal=START, run=UUID(int=number + 1))
    await stage.listen(6)
    looked_at = [(await stage.sweep(9)).looked_at for _ in range(3)]
    assert looked_at == [9, 1, 0]
    assert len(await causes(stage)) == 3


async def test_a_failure_with_a_bad_body_counts(stage: Stage) -> None:
    await stage.put(config_of(1))
    assert await stage.ping(1, signal=FAIL, life_only=True) == [Outcome.ALIVE]
    assert await causes(stage) == [("down", Cause.FAILED, 0)]


async def test_a_success_from_before_the_failure_does_not_end_it(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.listen(10)
    await stage.ping(1, signal=FAIL)
    await stage.ping(1, at=9)
    assert await causes(stage) == [("down", Cause.FAILED, 10)]
    await stage.ping(1, at=10)
    assert await causes(stage) == [("up", Cause.FAILED, 10)]


@pytest.mark.parametrize("signal", [START, FAIL, LOG])
async def test_a_paused_monitor_hears_no_signals(stage: Stage, signal: Signal) -> None:
    await stage.put(config_of(1, paused=True))
    assert await stage.ping(1, signal=signal, run=ONE) == [Outcome.PAUSED]
    assert await stage.told() == []
    assert await runs(stage) is None


async def test_a_pause_forgets_runs_and_failures(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=8)))
    await stage.ping(1, signal=START)
    assert await runs(stage) is not None
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=8), version=2, paused=True))
    assert await runs(stage) is None
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=8), version=3))
    await stage.listen(9)
    await stage.sweep()
    assert await stage.told() == []


async def test_a_batch_may_hold_a_whole_run(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.put(config_of(2))
    await stage.listen(4)
    heads = b"".join(
        pack_head(START_MS + at, 1, 1, flags)
        for at, flags in (
            (1000, HAS_RUN | START << SIGNAL_SHIFT),
            (2000, 0),
            (3000, HAS_RUN | FAIL << SIGNAL_SHIFT),
        )
    )
    ids = [b"1", b"2", b"1"]
    await stage.writer.record(ids, heads, b"history", START_MS + 4000, ONE.bytes * 2)
    assert await stage.durations() == [(2, 1)]
    assert await causes(stage) == [("down", Cause.FAILED, 3)]


async def test_deleting_leaves_nothing_of_runs_rules_and_reminders(stage: Stage) -> None:
    await stage.put(config_of(1, rules=MonitorRules(max_runtime_s=8, reminder_s=60)))
    await stage.ping(1, signal=START)
    await stage.ping(1, signal=FAIL)
    keys = stage.shard.keys
    assert await stage.redis.exists(keys.rules, keys.reminders) == 2
    await stage.drop(1, 2)
    assert await stage.redis.exists(keys.rules, keys.runs, keys.reminders) == 0


def stage_second(stage: Stage) -> float:
    return (stage.now_ms - START_MS) / 1000


@pytest.mark.parametrize(("heard_again", "told"), [(39, [("down", Cause.OVERRUN, 59)]), (41, [])])
async def test_a_run_is_let_go_whose_end_may_have_been_told_to_nobody_for_half_a_minute(
    stage: Stage, heard_again: float, told: list[tuple[str, Cause, float]]
) -> None:
    await stage.put(config_of(1, 300, 100, rules=MonitorRules(max_runtime_s=20)))
    await stage.listen(5)
    await stage.ping(1, signal=START, run=ONE)
    await stage.listen(10)
    await stage.move_to(heard_again)
    await stage.ping()
    await stage.listen(400)
    await stage.sweep()
    assert await causes(stage) == told
    await stage.listen(heard_again + 401)
    await stage.sweep()
    # Who hangs is missed all the same, where it is not told already.
    assert await causes(stage) == ([] if told else [("down", Cause.MISSED, heard_again + 400)])


async def test_what_overran_before_nobody_listened_is_told(stage: Stage) -> None:
    await stage.put(config_of(1, 300, 100, rules=MonitorRules(max_runtime_s=20)))
    await stage.ping(1, signal=START, run=ONE)
    await stage.listen(21)
    await stage.move_to(99)
    await stage.listen(101)
    await stage.sweep()
    assert await causes(stage) == [("down", Cause.OVERRUN, 20)]


async def test_a_run_that_was_let_go_can_begin_again_and_makes_room_for_others(stage: Stage) -> None:
    await stage.put(config_of(1, 3000, 100, rules=MonitorRules(max_runtime_s=20)))
    many = [UUID(int=number) for number in range(1, 33)]
    await stage.listen(5)
    for run in many:
        await stage.ping(1, signal=START, run=run)
    await stage.move_to(60)
    await stage.listen(61)
    await stage.ping(1, signal=START, run=many[0])
    await stage.listen(71)
    await stage.ping(1, signal=START, run=UUID(int=99))
    await stage.listen(81)
    await stage.sweep()
    await stage.ping(1)
    await stage.listen(91)
    await stage.sweep()
    assert await causes(stage) == [
        ("down", Cause.OVERRUN, 81),
        ("up", Cause.OVERRUN, 81),
        ("down", Cause.OVERRUN, 91),
    ]
