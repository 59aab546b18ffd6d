"""Deliberate breakages of what holds when a rebuild is cut off, and when Redis comes back without its last moments."""

from __future__ import annotations

from tests.breakage import Breakage

_CUT_OFF = "tests/store/test_rebuild_cut_off.py::test_a_rebuild_that_is_cut_off_anywhere_leaves_no_shard_open"

_BEHIND = "tests/store/recorder/test_fallen_behind.py::"

LOSS_BREAKAGES: dict[str, Breakage] = {
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
    "a recorder believes the ids of a stream whatever became of it": Breakage(
        "store/live/streams.py",
        "    return any(entry_id.decode() != seen for entry_id, _ in latest)\n",
        "    return False\n",
        _BEHIND + "test_pings_whose_ids_are_not_above_those_that_were_lost_are_recorded_once",
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
}
