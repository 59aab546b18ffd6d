"""Deliberate breakages of how pings are heard: writers and their slots, and pings that come late or out of order."""

from __future__ import annotations

from tests.breakage import Breakage

_SCRIPTS = "store/live/scripts/"
_WRITER = "store/live/writer.py"
_WRITERS = "tests/store/live/test_writers.py::"
_BATCHER = "tests/ingest/test_batcher.py::"
_LOST = "tests/store/live/test_lost_moments.py::"
_LATE = "tests/store/live/test_late_signals.py::"

HEARING_BREAKAGES: dict[str, Breakage] = {
    "a step of the clock is not confessed": Breakage(
        _WRITER,
        "        self.confess(now_ms)\n",
        "",
        "tests/store/live/test_clock_steps.py"
        "::test_a_step_that_is_too_short_to_leap_is_blind_by_the_word_of_the_writer",
    ),
    "what was refused leaves no gap": Breakage(
        _WRITER,
        "        self._sequence += 1\n        if not self._heard_ms and",
        "        if not self._heard_ms and",
        _WRITERS + "test_what_was_refused_is_blind_from_the_last_batch_to_the_next_and_no_longer",
    ),
    "what was refused before there was a slot is forgotten": Breakage(
        _WRITER,
        "        if self._deaf_since is not None:\n",
        "        if False:\n",
        _WRITERS + "test_what_was_refused_before_there_was_a_slot_is_blind_as_others_listened_without_us",
    ),
    "a slot is given back while keys are looked up": Breakage(
        "ingest/batcher.py",
        "and not self._queue and self._oldest_unresolved() is None):",
        "and not self._queue):",
        _BATCHER + "test_closing_answers_everything_that_was_taken_and_gives_the_slot_back",
    ),
    "whoever was replaced gives the slot of its successor back": Breakage(
        _SCRIPTS + "deregister.lua",
        "if registered_as ~= ARGV[3] then return 0 end",
        "",
        _WRITERS + "test_whoever_was_replaced_gives_nothing_back_and_its_successor_is_heard_on",
    ),
    "the last one to stop has heard everything": Breakage(
        _SCRIPTS + "deregister.lua",
        "redis.call('SET', KEYS[4], watermark)",
        "redis.call('SET', KEYS[4], now)",
        _WRITERS
        + "test_after_the_last_one_gave_its_slot_back_the_next_who_registers_notes_what_it_had_not_heard",
    ),
    "a slot that is taken over after a step back is heard up to the future": Breakage(
        _SCRIPTS + "register.lua",
        "unheard_since = unheard_since and math.min(unheard_since, now)",
        "",
        _WRITERS + "test_whoever_takes_over_a_slot_after_a_step_back_of_the_clock_is_heard_up_to_now",
    ),
    "a failure from before a step back ends when its time has come again": Breakage(
        _SCRIPTS + "shared/hearing.lua",
        " or one.down > now\n",
        "\n",
        _LATE + "test_whoever_was_down_when_the_clock_was_stepped_back_comes_up_and_is_awaited_from_then",
    ),
    "whoever comes up after a step back is awaited in the future": Breakage(
        _SCRIPTS + "shared/hearing.lua",
        "  if one.base > now then one.base = now end\n",
        "",
        _LATE + "test_whoever_was_down_when_the_clock_was_stepped_back_comes_up_and_is_awaited_from_then",
    ),
    "a late ping judges rules before everybody has heard": Breakage(
        _SCRIPTS + "shared/hearing.lua",
        "arrival > deadline and is_heard(deadline)",
        "arrival > deadline",
        _LATE + "test_a_deadline_up_to_which_another_writer_has_not_heard_is_not_judged_by_a_late_ping",
    ),
    "a ping at the end of a window with rules is late": Breakage(
        _SCRIPTS + "shared/hearing.lua",
        "return arrival > deadline and",
        "return arrival >= deadline and",
        _LATE + "test_a_ping_at_the_very_end_of_a_window_that_blind_time_has_moved_is_in_time",
    ),
    "a ping that was overtaken pulls a deadline with rules back": Breakage(
        _SCRIPTS + "shared/hearing.lua",
        "is_sign and arrival > one.base then",
        "is_sign then",
        _LATE + "test_a_ping_that_was_overtaken_by_a_later_one_does_not_pull_the_deadline_back",
    ),
    "an incident with rules ends before it began": Breakage(
        _SCRIPTS + "shared/hearing.lua",
        "tell_of(one, EVENT_UP, math.max(arrival, one.down), tell)",
        "tell_of(one, EVENT_UP, arrival, tell)",
        _LATE + "test_an_incident_does_not_end_before_it_began",
    ),
    "the id of a run is used up for ever": Breakage(
        _SCRIPTS + "shared/hearing.lua",
        "(#runs.ended > MOST_ENDED or now - runs.ended[1].at > ENDED_LIFE_MS)",
        "#runs.ended > MOST_ENDED",
        _LATE + "test_the_id_of_a_run_that_ended_ten_minutes_ago_may_be_used_again",
    ),
    "patience with blind time has no end where there are rules": Breakage(
        _SCRIPTS + "shared/rules.lua",
        "if patient <= h then",
        "if false then",
        _LATE + "test_whoever_is_dead_is_found_out_however_often_blind_time_touches_the_window",
    ),
    "a change of the longest time hides an overrun": Breakage(
        _SCRIPTS + "shared/rules.lua",
        "if was_well and run_deadline(one, run, holes) <= now",
        "if run_deadline(one, run, holes) <= now",
        _LATE + "test_a_change_of_the_longest_time_hides_no_overrun_that_no_sweep_has_seen",
    ),
    "a quiet time begins a moment late": Breakage(
        _SCRIPTS + "shared/rules.lua",
        "return from ~= nil and from <= moment",
        "return from ~= nil and from < moment",
        _LATE + "test_a_quiet_time_begins_and_ends_to_the_moment",
    ),
    "a loss is blind time like any other": Breakage(
        _SCRIPTS + "record.lua",
        "watermark, told_watermark, is_loss)",
        "watermark, told_watermark)",
        _LOST + "test_a_run_whose_end_may_be_lost_is_let_go_and_its_monitor_missed_at_its_deadline",
    ),
    "whatever was refused is lost": Breakage(
        _SCRIPTS + "record.lua",
        "is_loss = answered > last_sequence\n",
        "is_loss = true\n",
        _LOST + "test_a_run_goes_on_where_something_was_only_refused",
    ),
    "a loss that took the slot along is blind time like any other": Breakage(
        _SCRIPTS + "register.lua",
        "unheard_since, now, is_loss)",
        "unheard_since, now)",
        _LOST + "test_a_writer_whose_slot_is_lost_too_says_up_to_when_it_was_heard",
    ),
    "a loss is forgotten when blind times are joined": Breakage(
        _SCRIPTS + "shared/blind.lua",
        "merged[1][3] or merged[2][3]",
        "merged[2][3]",
        _LOST + "test_a_blind_time_keeps_its_loss_when_it_grows_or_is_joined_to_another",
    ),
    "a rebuild awaits runs whose end may be lost": Breakage(
        _SCRIPTS + "shared/rules.lua",
        "run.told = run.told or ends > heard",
        "run.told = run.told",
        "tests/store/test_rebuild_signals.py"
        "::test_runs_go_on_but_their_end_may_be_what_is_lost_so_they_are_let_go",
    ),
}
