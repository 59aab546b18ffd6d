"""Deliberate breakages of whose turn it is: slow receivers, pauses that receivers ask for, and the length of calls."""

from __future__ import annotations

from tests.breakage import Breakage

_LEASE, _TURNS = "store/live/scripts/lease.lua", "sweeper/turns.py"
_PARKING, _WHOSE = "tests/store/live/test_parking.py::", "tests/sweeper/test_turns.py::"
_HOLDING_UP = "tests/sweeper/test_holding_up.py::"
_FORTY = _HOLDING_UP + "test_forty_that_hang_with_thousands_of_messages_delay_nobody_else"

TURN_BREAKAGES: dict[str, Breakage] = {
    "what waits for its channel stays in the way of others": Breakage(
        _LEASE,
        "  for i = 1, #parking do redis.call('ZREM', K_DUE, parking[i].delivery) end\n",
        "",
        _PARKING + "test_behind_ten_thousand_of_a_busy_channel_another_one_is_found_in_a_few_short_calls",
    ),
    "what waits with its channel is forgotten when that has room": Breakage(
        _LEASE,
        "  for i = 1, #asked do look_at_parked(asked[i]) end\n",
        "",
        _PARKING + "test_whoever_has_just_got_room_is_found_behind_many_others",
    ),
    "what waits with a channel that nobody names waits for ever": Breakage(
        _LEASE,
        "    look_at_parked(look_behind)\n",
        "",
        _PARKING + "test_channels_that_wait_have_their_turn_in_a_circle",
    ),
    "what comes later overtakes what waits": Breakage(
        _LEASE,
        "(room_of(channel) > 0 and not has_older(channel))",
        "(room_of(channel) > 0)",
        _PARKING + "test_what_comes_later_does_not_overtake_what_waits_with_its_channel",
    ),
    "one that is settled while it waits is handed out at once": Breakage(
        _LEASE,
        "    if not redis.call('ZSCORE', K_DUE, page[i]) then ",
        "    if true then ",
        _PARKING + "test_one_that_is_settled_late_while_it_waits_is_not_handed_out_twice",
    ),
    "a pause is one for a delivery and not for its channel": Breakage(
        _TURNS,
        "            self._pauses_ms[channel] = round(attempt.retry_after_s * 1000)\n",
        "            pass\n",
        _HOLDING_UP + "test_a_pause_that_a_receiver_asks_for_is_one_for_its_whole_channel",
    ),
    "a pause is forgotten after the call that brings it": Breakage(
        _LEASE,
        "  if pause_ms > 0 then redis.call('ZADD', K_PAUSES, now + pause_ms, channel) end\n",
        "  if pause_ms > 0 then paused_until[channel] = now + pause_ms end\n",
        _HOLDING_UP + "test_whoever_starts_anew_heeds_a_pause_too",
    ),
    "a reminder waits for the end of a pause": Breakage(
        _LEASE,
        "  if is_reminder(event) then",
        "  if false then",
        "tests/sweeper/test_reminding.py::test_during_a_pause_nobody_is_reminded",
    ),
    "a trial waits for the end of a pause": Breakage(
        _LEASE,
        "if not turn or string.byte(event, 2) == KIND_TRIAL then return",
        "if not turn then return",
        _HOLDING_UP + "test_a_trial_does_not_wait_and_one_that_is_taken_ends_the_pause",
    ),
    "a channel that nobody knows gets all that it asks for": Breakage(
        "sweeper/dispatch.py",
        "            usual_room=FIRST_AT_ONCE,\n",
        "",
        _HOLDING_UP + "test_a_pause_that_a_receiver_asks_for_is_one_for_its_whole_channel",
    ),
    "channels that hang get what quick ones get": Breakage(
        "sweeper/dispatch.py",
        "            rooms,\n            usual_room=FIRST_AT_ONCE,\n",
        "            (),\n            usual_room=8,\n",
        _FORTY,
    ),
    "channels that were quick until now take all places when they hang": Breakage(
        _TURNS,
        "            more = max(0, min(more, left))",
        "            more = max(0, more)",
        _WHOSE + "test_what_is_beyond_the_first_of_each_channel_has_a_part_of_the_places",
    ),
    "slow channels have as many places as there are": Breakage(
        _TURNS,
        "        part = max(0, min(wanted, left[kind]))",
        "        part = max(0, wanted)",
        _WHOSE + "test_all_slow_ones_together_have_a_part_of_the_places_in_turn",
    ),
    "an attempt that takes long keeps the place of a quick one": Breakage(
        _TURNS,
        "QUICK_AT_ONCE + len(self._late())",
        "QUICK_AT_ONCE",
        _WHOSE + "test_those_that_take_long_give_the_quick_ones_their_places_back",
    ),
    "those who wait for others of their kind take the places of all": Breakage(
        _TURNS,
        "ATTEMPTS_AT_ONCE) + waiting",
        "ATTEMPTS_AT_ONCE)",
        _WHOSE + "test_those_that_wait_for_others_of_their_kind_take_no_places_and_no_more_of_them_come",
    ),
    "kinds of which many wait are leased on": Breakage(
        _TURNS,
        "            rooms |= {channel: 0 for channel, kind in self._kind_of.items() if kind in crowded}\n",
        "            pass\n",
        _WHOSE + "test_those_that_wait_for_others_of_their_kind_take_no_places_and_no_more_of_them_come",
    ),
    "messages of chats that hang keep their places until they are over": Breakage(
        "sweeper/channels/places.py",
        "call_later(SLOW_FROM_S, self._grow_old, turn)",
        "call_later(3600, self._grow_old, turn)",
        "tests/sweeper/channels/test_places.py::test_a_crowd_that_hangs_holds_up_others_for_a_moment",
    ),
    "one call makes deliveries of all events": Breakage(
        "store/live/scripts/deliver.lua",
        "  if turned >= most_turned then",
        "  if false then",
        _PARKING + "test_a_call_ends_after_some_hundred_deliveries_and_the_next_one_goes_on",
    ),
    "a slow channel that has nothing to be told keeps its place": Breakage(
        "sweeper/turns.py",
        "                self._slow[room.channel_id] = self._slow.pop(room.channel_id)\n",
        "                pass\n",
        "tests/sweeper/test_turns.py::test_slow_ones_that_have_nothing_to_be_told_stand_back",
    ),
    "who was slow once is slow for ever": Breakage(
        "sweeper/turns.py",
        "if at_ms > until_ms\n",
        "if True\n",
        "tests/sweeper/test_turns.py::test_a_slow_one_is_nobody_whom_we_know_when_a_minute_is_over",
    ),
    "a pause lasts a step of the clock longer": Breakage(
        "store/live/scripts/shared/stepping.lua",
        "  redis.call('DEL', pauses_key)\n",
        "",
        "tests/store/live/test_parking.py"
        "::test_a_step_back_of_the_clock_ends_pauses_so_that_none_lasts_the_step_longer",
    ),
}
