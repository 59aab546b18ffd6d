"""Deliberate breakages of the recorder: what it writes down once, tells once and keeps ahead."""

from __future__ import annotations

from tests.breakage import Breakage

_RECORDER = "tests/store/recorder"

RECORDER_BREAKAGES: dict[str, Breakage] = {
    "the recorder rests after a full step": Breakage(
        "store/recorder/main.py",
        "        return 0.0\n",
        "        return FLOOD_PAUSE_S\n",
        f"{_RECORDER}/test_main.py"
        "::test_a_flood_makes_large_transactions_and_nothing_piles_up_behind_a_full_one[200-0]",
    ),
    "the recorder does not follow Redis into a new generation": Breakage(
        "store/recorder/main.py",
        "                await follow_quietly(live)\n",
        "                pass\n",
        f"{_RECORDER}/test_main.py::test_it_follows_redis_into_a_new_generation",
    ),
    "what was raised again is kept as if it had been raised before": Breakage(
        "store/recorder/raising.py",
        "                self._raised_at_ms.clear()\n",
        "                pass\n",
        f"{_RECORDER}/test_raising.py"
        "::test_what_redis_has_lost_is_kept_from_the_moment_at_which_it_was_raised_again",
    ),
    "what was raised leaves the outbox at once": Breakage(
        "store/recorder/raising.py",
        ">= KEPT_MS)",
        ">= 0)",
        f"{_RECORDER}/test_raising.py"
        "::test_what_was_raised_is_kept_for_as_long_as_redis_may_lose_it_and_no_longer",
    ),
    "what was raised never leaves the outbox": Breakage(
        "store/recorder/raising.py",
        "self._raised_at_ms.setdefault(number, now_ms)",
        "self._raised_at_ms[number] = now_ms",
        f"{_RECORDER}/test_raising.py"
        "::test_what_was_raised_is_kept_for_as_long_as_redis_may_lose_it_and_no_longer",
    ),
    "a rule judges what arrived before it was made": Breakage(
        "store/recorder/alerting.py",
        "            if one.at_ms >= rule.since_ms\n",
        "",
        f"{_RECORDER}/test_alerting.py::test_a_rule_judges_nothing_that_arrived_before_it_was_made",
    ),
    "rules that change while nobody pings are not followed": Breakage(
        "store/recorder/recorder.py",
        "if is_idle and not await in_thread(self._ledger.rules_changed):",
        "if is_idle:",
        f"{_RECORDER}/test_alerting.py::test_an_open_incident_ends_in_silence_with_its_rule_even_if_nobody_pings",
    ),
    "events are kept that were turned into deliveries": Breakage(
        "store/recorder/ledger.py",
        "for one in reversed(batch.letters) if one.dispatched",
        "for one in batch.letters if one.dispatched",
        f"{_RECORDER}/test_letters.py"
        "::test_of_events_that_were_turned_into_deliveries_one_by_one_none_is_kept",
    ),
    "events that wait for dispatch do not survive an empty Redis": Breakage(
        "store/recorder/ledger.py",
        "        self.letters.note_untold(batch.generation, batch.shard, events)\n",
        "",
        f"{_RECORDER}/test_letters.py::test_an_event_is_kept_until_it_is_turned_into_deliveries",
    ),
    "only the first page of the log is held against Redis": Breakage(
        "store/recorder/recorder.py",
        "known[-1][0] if len(known) == COMPARED_AT_ONCE else 0",
        "0",
        f"{_RECORDER}/test_letters.py::test_what_redis_has_lost_is_dropped_from_the_log",
    ),
    "a rebuild has ended before all that it put back was read": Breakage(
        "store/recorder/recorder.py",
        "self._after_rebuild and not (events and events[-1].restored_from)",
        "self._after_rebuild",
        "tests/store/test_rebuild_letters.py"
        "::test_events_that_were_put_back_and_only_partly_recorded_survive_the_next_loss",
    ),
    "a value that was refused is judged": Breakage(
        "store/recorder/alerting.py",
        "if key in by_key and key in kept",
        "if key in by_key",
        f"{_RECORDER}/test_alerting.py"
        "::test_a_value_that_is_refused_as_its_monitor_has_too_many_keys_is_no_sample",
    ),
    "a journal that was cut hides a window that came": Breakage(
        "store/recorder/keeper.py",
        "                await self._await_all()\n                self._known_change = await",
        "                self._known_change = await",
        f"{_RECORDER}/test_keeper.py"
        "::test_a_journal_that_was_cut_hides_neither_a_window_that_came_nor_one_that_came_and_went",
    ),
    "a journal that was cut hides a window that came and went": Breakage(
        "store/recorder/keeper.py",
        "dict.fromkeys(self._kept, True))\n                await self._await_those_in_redis()\n",
        "dict.fromkeys(self._kept, True))\n",
        f"{_RECORDER}/test_keeper.py"
        "::test_a_journal_that_was_cut_hides_neither_a_window_that_came_nor_one_that_came_and_went",
    ),
    "a journal that was cut before it was read first is taken for whole": Breakage(
        "store/book/rule_changes.py",
        'if not rows or rows[0]["id"] != known_id + 1:',
        'if not rows or known_id and rows[0]["id"] != known_id + 1:',
        f"{_RECORDER}/test_keeper.py"
        "::test_a_journal_that_was_cut_hides_neither_a_window_that_came_nor_one_that_came_and_went",
    ),
    "a new keeper keeps nothing ahead that its predecessor had seen to": Breakage(
        "store/recorder/keeper.py",
        "            await self._await_all()\n            self._known_change = known",
        "            self._known_change = known",
        f"{_RECORDER}/test_keeper.py::test_a_new_keeper_keeps_ahead_what_its_predecessor_had_seen_to",
    ),
}
