"""Deliberate breakages of signals, runs, schedules and quiet times, as the scripts know them."""

from __future__ import annotations

from tests.breakage import Breakage

_SHARED = "store/live/scripts/shared/"
_SIGNALS = "tests/store/live/test_signals.py::"
_RULES = "tests/store/live/test_rules.py::"
_EXCUSES = "tests/store/live/test_excuses.py::"
_WINDOWS = "tests/store/live/test_windows.py::"
_REBUILD = "tests/store/test_rebuild_signals.py::"
_FORGOTTEN = "tests/store/recorder/test_forgotten.py::"
_KEEPER = "tests/store/recorder/test_keeper.py::"
_NEWCOMERS = "tests/sweeper/test_newcomers.py::"

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
        "begin_run(one, run, arrival, holes) and one.rules.max_runtime > 0 or is_first",
        "begin_run(one, run, arrival, holes) or is_first",
        _SIGNALS + "test_a_start_without_a_longest_time_moves_no_deadline_but_measures",
    ),
    "an older success ends a failure": Breakage(
        _SHARED + "hearing.lua",
        "local is_after = one.runs.cause ~= FAILED or arrival >= one.down or one.down > now",
        "local is_after = true",
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
    "a run is awaited whatever went unheard": Breakage(
        _SHARED + "rules.lua",
        "if is_run and first_lost(holes, h, base) < bound then",
        "if false then",
        _SIGNALS + "test_a_run_is_let_go_whose_end_may_have_been_told_to_nobody_for_half_a_minute",
    ),
    "a run that was let go takes the place of another": Breakage(
        _SHARED + "rules.lua",
        "return run_deadline(one, run, holes) == NEVER",
        "return false",
        _SIGNALS + "test_a_run_that_was_let_go_can_begin_again_and_makes_room_for_others",
    ),
    "blind time pulls a deadline back into a quiet time": Breakage(
        _SHARED + "rules.lua",
        "if behind > h then",
        "if false then",
        _EXCUSES + "test_blind_time_within_a_quiet_time_leaves_the_deadline_behind_it",
    ),
    "a run is let go for what went unheard after it": Breakage(
        _SHARED + "rules.lua",
        "if is_run and first_lost(holes, h, base) < bound then",
        "if is_run and first_lost(holes, h, base) <= #holes then",
        _WINDOWS + "test_a_deadline_is_the_one_that_a_walk_over_all_of_them_finds",
    ),
    "blind times count over any gap": Breakage(
        _SHARED + "blind.lua",
        "elseif gaps[at] >= width then",
        "elseif false then",
        _WINDOWS + "test_a_deadline_is_the_one_that_a_walk_over_all_of_them_finds",
    ),
    "blind times are an excuse for ever": Breakage(
        _SHARED + "rules.lua",
        "if patient <= h then",
        "if false then",
        _WINDOWS + "test_a_deadline_is_the_one_that_a_walk_over_all_of_them_finds",
    ),
    "a sweep judges as many monitors however many runs they have": Breakage(
        "store/live/scripts/sweep.lua",
        "if spent >= limit then break end",
        "",
        _SIGNALS + "test_a_sweep_judges_fewer_monitors_that_have_many_runs",
    ),
    "a call carries as many pings whatever they signal": Breakage(
        "ingest/batcher.py",
        "LIKE_PLAIN_PINGS if ping.flags >= SIGNALS or ping.known.has_rules else 1",
        "1",
        "tests/ingest/test_batcher.py::test_a_call_carries_fewer_pings_that_signal_or_whose_monitors_have_rules",
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
        "if not kit().is_quiet(one.rules, watermark) then",
        "if true then",
        _RULES + "test_reminders_come_as_often_as_asked_while_down_and_not_in_quiet_time",
    ),
    "a failure is ignored that was stamped before the start of its run": Breakage(
        _SHARED + "hearing.lua",
        "(started or not is_answered(one, arrival))",
        "arrival >= one.base",
        _SIGNALS + "test_a_failure_counts_although_its_start_or_that_of_another_run_was_committed_first",
    ),
    "a failure is told that a success has answered": Breakage(
        _SHARED + "hearing.lua",
        "if moment >= one.base or one.base > one.seen then return false end",
        "if true then return false end",
        _SIGNALS
        + "test_a_run_that_failed_before_another_one_succeeded_is_told_and_what_succeeded_since_is_not",
    ),
    "a rebuild forgets why a monitor is down": Breakage(
        "store/rebuild_memory.py",
        'CAUSES[opened.kind if opened is not None else "silence"]',
        'CAUSES["silence"]',
        _REBUILD + "test_a_failure_is_still_one_for_its_reminders_and_ends_only_with_a_success_after_it",
    ),
    "a rebuild tells of an overrun that was told": Breakage(
        _SHARED + "rules.lua",
        "run.told = run.told or ends <= known",
        "run.told = run.told",
        _REBUILD + "test_an_overrun_that_was_over_is_not_told_again",
    ),
    "a rebuild counts failures from before a success": Breakage(
        "store/rebuild_memory.py",
        "if at_ms > life_ms and",
        "if",
        _REBUILD + "test_failures_since_the_last_success_count_on",
    ),
    "a rebuild remembers what a pause has forgotten": Breakage(
        "store/book/unfinished.py",
        "found.pop(monitor_id, None)",
        "pass",
        _REBUILD + "test_what_was_under_way_before_a_pause_is_forgotten",
    ),
    "a start ends what Redis has forgotten": Breakage(
        "store/live/scripts/tell_forgotten.lua",
        "if one.runs.open[i].start == one.base then return false end",
        "",
        _FORGOTTEN + "test_neither_a_start_nor_an_edit_nor_a_late_success_ends_a_failure",
    ),
    "a new schedule tells of what has passed": Breakage(
        _SHARED + "put.lua",
        "rules.words ~= was.rules.words and former_deadline > now",
        "false",
        _RULES + "test_another_schedule_tells_of_no_tick_that_the_former_one_did_not_have",
    ),
    "a keeper that starts does not look back": Breakage(
        "store/recorder/keeper.py",
        "self._known_change = known if known <= newest else 0",
        "self._known_change = newest",
        _KEEPER + "test_a_window_that_was_deleted_while_nobody_kept_them_silences_nobody",
    ),
    "a version that is on its way is not waited for": Breakage(
        "store/recorder/keeper.py",
        "if taken is Taken.OTHER_VERSION:",
        "if False:",
        _KEEPER + "test_rules_of_a_version_that_redis_does_not_have_yet_are_given_to_it_when_it_has",
    ),
    "a new channel hears of an end alone": Breakage(
        "store/live/scripts/deliver.lua",
        "if some_are_new and kind ~= KIND_DOWN then channels = have_heard(",
        "if false then channels = have_heard(",
        _NEWCOMERS + "test_the_end_of_what_it_never_heard_of_is_not_told",
    ),
    "a new channel never hears of an end": Breakage(
        "store/live/scripts/deliver.lua",
        "if some_are_new then note_told(",
        "if false then note_told(",
        _NEWCOMERS + "test_whoever_was_reminded_hears_of_the_end",
    ),
}
