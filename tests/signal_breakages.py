"""Deliberate breakages of signals, runs, schedules and quiet times, as the scripts know them."""

from __future__ import annotations

from tests.breakage import Breakage

_SHARED = "store/live/scripts/shared/"
_SIGNALS = "tests/store/live/test_signals.py::"
_RULES = "tests/store/live/test_rules.py::"
_EXCUSES = "tests/store/live/test_excuses.py::"

SIGNAL_BREAKAGES: dict[str, Breakage] = {
    "a failure is always one too many": Breakage(
        _SHARED + "hearing.lua",
        "return one.runs.fails >= one.rules.failures",
        "return true",
        _SIGNALS + "test_so_many_failures_in_a_row_make_an_incident",
    ),
    "an overrun is not counted, but told at once": Breakage(
        _SHARED + "hearing.lua",
        "if not overdue or count_failure(one) then",
        "if true then",
        _SIGNALS + "test_an_overrun_is_one_failure_of_those_that_make_an_incident",
    ),
    "an end hides that its run came too late": Breakage(
        _SHARED + "hearing.lua",
        "if one.phase == ACTIVE and may_be_due(one, arrival) then",
        "if false then",
        _SIGNALS + "test_an_end_that_comes_too_late_does_not_hide_the_overrun",
    ),
    "a start is a sign of life however long it may run": Breakage(
        _SHARED + "hearing.lua",
        "begin_run(one, run, arrival) and one.rules.max_runtime > 0 or is_first",
        "begin_run(one, run, arrival) or is_first",
        _SIGNALS + "test_a_start_without_a_longest_time_moves_no_deadline_but_measures",
    ),
    "an older success ends a failure": Breakage(
        _SHARED + "hearing.lua",
        "(one.runs.cause ~= FAILED or arrival >= one.down)",
        "true",
        _SIGNALS + "test_a_success_from_before_the_failure_does_not_end_it",
    ),
    "a failure in a quiet time is told": Breakage(
        _SHARED + "hearing.lua",
        "not is_quiet(one.rules, arrival) and ",
        "",
        _RULES + "test_a_deadline_in_a_quiet_time_is_put_off_beyond_it",
    ),
    "a failure is limited away": Breakage(
        "store/live/scripts/record.lua",
        "and not opened",
        "",
        _SIGNALS + "test_a_failure_counts_under_any_plan_and_the_end_of_a_run_may_come_early",
    ),
    "who is armed by a ping is awaited before it": Breakage(
        _SHARED + "rules.lua",
        "if one.seen == 0 and is_armed_by_ping(one.flags) then return NEVER end",
        "",
        _RULES + "test_who_is_armed_by_its_first_ping_is_not_awaited_before",
    ),
    "a ping at the tick is not the one that was due": Breakage(
        _SHARED + "rules.lua",
        "tick_at(ticks, middle) > moment",
        "tick_at(ticks, middle) >= moment",
        _RULES + "test_a_ping_at_the_very_tick_is_the_one_that_was_due",
    ),
    "blind time pulls a deadline back into a quiet time": Breakage(
        _SHARED + "rules.lua",
        "deadline = math.max(deadline, after(hole[2]))",
        "deadline = after(hole[2])",
        _EXCUSES + "test_blind_time_within_a_quiet_time_leaves_the_deadline_behind_it",
    ),
    "a window that goes makes overdue": Breakage(
        "store/live/scripts/refresh_rules.lua",
        "if phase == ACTIVE and is_shorter and",
        "if false and",
        _EXCUSES + "test_a_window_that_is_taken_away_gives_a_fresh_one",
    ),
    "rules of another version are taken": Breakage(
        "store/live/scripts/refresh_rules.lua",
        "version == tonumber(ARGV[i + 1])",
        "true",
        _RULES + "test_refreshing_leaves_another_version_alone",
    ),
    "a pause remembers what was under way": Breakage(
        _SHARED + "put.lua",
        "PAUSED, 0, 0, kit().read_runs(nil)",
        "PAUSED, 0, 0, one.runs",
        _SIGNALS + "test_a_pause_forgets_runs_and_failures",
    ),
    "a reminder is said in a quiet time": Breakage(
        "store/live/scripts/sweep.lua",
        "if not kit().is_quiet(one.rules, now) then",
        "if true then",
        _RULES + "test_reminders_come_as_often_as_asked_while_down_and_not_in_quiet_time",
    ),
}
