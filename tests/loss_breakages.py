"""Deliberate breakages of what holds when a rebuild is cut off, Redis forgets its last moments, or its clock steps."""

from __future__ import annotations

from tests.breakage import Breakage

_CUT_OFF = "tests/store/test_rebuild_cut_off.py::test_a_rebuild_that_is_cut_off_anywhere_leaves_no_shard_open"

_BEHIND = "tests/store/recorder/test_fallen_behind.py::"

LOSS_BREAKAGES: dict[str, Breakage] = {
    "who died with the server has lost nothing": Breakage(
        "store/live/scripts/register.lua",
        "own == 0 and died_at and may_be_lost(died_at, now)",
        "false",
        "tests/store/live/test_lost_moments.py"
        "::test_where_ingest_died_with_the_server_the_runs_of_that_time_are_let_go",
    ),
    "a loss is none where the clock comes back behind": Breakage(
        "store/live/scripts/record.lua",
        "  if is_loss then watermark = math.min(watermark, told_watermark - 1) end\n",
        "",
        "tests/store/live/test_lost_moments.py::test_so_they_are_where_the_clock_comes_back_behind",
    ),
    "a slot that is dropped has lost nothing": Breakage(
        "store/live/scripts/drop_writer.lua",
        "watermark, now, is_loss)",
        "watermark, now)",
        "tests/store/live/test_lost_moments.py::test_so_they_are_where_the_slot_of_the_one_that_died_is_dropped",
    ),
    "who stopped in order may have lost something": Breakage(
        "store/live/scripts/register.lua",
        "if own == 0 and died_at and may_be_lost(died_at, now)",
        "if own == 0 and unheard_since and may_be_lost(unheard_since, now)",
        "tests/store/live/test_lost_moments.py"
        "::test_who_stopped_in_order_has_lost_nothing_whenever_the_server_was_started",
    ),
    "a rebuild opens one shard after the other": Breakage(
        "store/live/rebuilding.py",
        '        commands += [*heard, ("SET", shard.keys.generation, live.generation.value)]\n',
        '        await _deciding(live).execute(*heard, ("SET", shard.keys.generation, live.generation.value))\n',
        _CUT_OFF,
    ),
    "a rebuild empties one shard while another one is open": Breakage(
        "store/rebuild.py",
        "    await close_shards(live)\n",
        "",
        f"{_CUT_OFF}[valkey-one]",
    ),
    "what a loss has spared is recorded again": Breakage(
        "store/recorder/taking_back.py",
        "            if recorded:\n",
        "            if False:\n",
        _BEHIND + "test_pings_whose_ids_are_not_above_those_that_were_lost_are_recorded_once",
    ),
    "attempts are taken for new ones": Breakage(
        "store/recorder/taking_back.py",
        "            found = before.is_delivery(shard, change)\n",
        "            found = False\n",
        _BEHIND + "test_events_and_deliveries_are_in_the_history_once",
    ),
    "events that are no deliveries any more are forgotten as if they were": Breakage(
        "store/recorder/ledger.py",
        "            self.letters.take_back_dispatched(generation, shard, dispatched)\n",
        "",
        _BEHIND + "test_events_and_deliveries_are_in_the_history_once",
    ),
    "what nobody has read is trimmed": Breakage(
        "store/live/scripts/trim.lua",
        "if has_fallen_behind(KEYS[2], committed) then return 0 end\n",
        "",
        _BEHIND + "test_what_nobody_has_read_is_not_trimmed",
    ),
    "events that nobody has read again count as read": Breakage(
        "store/live/scripts/tell_forgotten.lua",
        "if has_fallen_behind(K_EVENTS, ARGV[2]) then return '' end\n",
        "",
        _BEHIND + "test_nothing_is_told_of_incidents_before_their_events_are_read_again",
    ),
    "a reminder does not wait for a stuck writer": Breakage(
        "store/live/scripts/sweep.lua",
        "redis.call('ZRANGEBYSCORE', K_REMINDERS, '-inf', watermark, 'LIMIT', 0, limit)",
        "redis.call('ZRANGEBYSCORE', K_REMINDERS, '-inf', now, 'LIMIT', 0, limit)",
        "tests/store/live/test_rules.py"
        "::test_nobody_is_reminded_of_while_a_writer_may_hold_the_ping_that_ended_it",
    ),
    "a step forward of the clock accuses a writer that is well": Breakage(
        "sweeper/sweeping.py",
        "        return own_ms < self._patient_until_ms\n",
        "        return False\n",
        "tests/sweeper/test_sweeping.py::test_a_step_forward_of_the_clock_accuses_no_writer_that_is_well",
    ),
    "after a step forward of the clock a stuck writer is never reported": Breakage(
        "sweeper/sweeping.py",
        "            self._patient_until_ms = own_ms + SILENT_MS\n",
        "            self._patient_until_ms = own_ms + now_ms\n",
        "tests/sweeper/test_sweeping.py::test_a_writer_that_says_nothing_after_a_step_of_the_clock_is_reported_soon",
    ),
    "an id that was given again counts as read": Breakage(
        "store/recorder/taking_back.py",
        "    if not pings and not letters:\n",
        "    if True:\n",
        _BEHIND + "test_what_gets_the_very_id_of_the_last_entry_that_was_read_is_not_taken_for_it",
    ),
    "an event under an id that was given again counts as read": Breakage(
        "store/recorder/recorder.py",
        "        return any(one.event != self._last_event for one in events)\n",
        "        return False\n",
        _BEHIND
        + "test_what_gets_the_very_id_of_the_last_entry_that_was_read_is_not_taken_for_it[events-False]",
    ),
    "every recorder that begins speaks of a loss": Breakage(
        "store/recorder/recorder.py",
        "msgspec.structs.replace(known, events=Position())",
        "known",
        _BEHIND + "test_a_recorder_that_begins_where_something_is_left_does_not_speak_of_a_loss",
    ),
}
