"""Deliberate breakages of what puts an empty Redis in order, each with a test that has to notice it."""

from __future__ import annotations

from tests.breakage import Breakage

_REBUILD = "tests/store/test_rebuild.py::"
_LETTERS = "tests/store/test_rebuild_letters.py::"
_SIGNALS = "tests/store/test_rebuild_signals.py::"

REBUILD_BREAKAGES: dict[str, Breakage] = {
    "Redis has the new generation before the books": Breakage(
        "store/rebuild.py",
        "    await installation.replace_generation(book, former, generation)\n"
        '    reach("rebuild.noted")\n'
        "    live.generation.value = generation\n"
        "    await finish_rebuild(live, memory.heard_ms)\n",
        "    live.generation.value = generation\n"
        "    await finish_rebuild(live, memory.heard_ms)\n"
        "    await installation.replace_generation(book, former, generation)\n",
        _REBUILD + "test_who_stood_still_while_another_rebuilt_changes_nothing_when_it_goes_on",
    ),
    "whoever has lost the lock of a rebuild writes into the books": Breakage(
        "store/rebuild.py",
        "    await lock.check()\n",
        "",
        _REBUILD + "test_who_was_overtaken_when_all_was_put_back_leaves_the_books_as_they_are",
    ),
    "whoever had to wait for the lock rebuilds again": Breakage(
        "store/rebuild.py",
        "    async with RebuildLock(live) as lock:\n        if await _holds_ours(live, book):\n",
        "    async with RebuildLock(live) as lock:\n        if False:\n",
        _REBUILD + "test_who_comes_late_does_not_undo_what_another_has_just_finished",
    ),
    "the end of a rebuild looks like another installation": Breakage(
        "store/rebuild.py",
        "    held = [await live.generation_of(shard) for shard in live.shards]\n"
        "    # Read after Redis, because a rebuild writes it before Redis: or its end could look like another"
        " installation.\n"
        "    known = await installation.generation(book)\n",
        "    known = await installation.generation(book)\n"
        "    held = [await live.generation_of(shard) for shard in live.shards]\n",
        _REBUILD + "test_a_rebuild_that_another_finishes_at_this_very_moment_is_no_other_installation",
    ),
    "one shard that is there stands for all": Breakage(
        "store/rebuild.py",
        "return all(one == known for one in held)",
        "return any(one == known for one in held)",
        _REBUILD + "test_when_one_shard_is_lost_all_are_rebuilt",
    ),
    "what an attempt that was cut off has left stays": Breakage(
        "store/rebuild.py",
        "        await empty_shard(shard)\n",
        "        pass\n",
        _REBUILD + "test_a_rebuild_that_was_cut_off_is_done_again_from_the_beginning",
    ),
    "what becomes a delivery during a rebuild is told to nobody": Breakage(
        "store/rebuild_letters.py",
        "return await _restore_events(live, letters) + await _restore_deliveries(live, letters)",
        "return await _restore_deliveries(live, letters) + await _restore_events(live, letters)",
        _LETTERS + "test_what_is_recorded_as_a_delivery_while_it_is_put_back_is_put_back_at_least_once",
    ),
    "dead letters come back alive": Breakage(
        "store/rebuild_letters.py",
        'died_ms=one.settled_ms or 0 if one.state == "dead" else 0,',
        "died_ms=0,",
        _LETTERS + "test_dead_letters_come_back_and_an_end_still_follows_its_beginning",
    ),
    "a rebuild forgets how often was tried": Breakage(
        "store/rebuild_letters.py",
        "attempts=one.tries,",
        "attempts=0,",
        _LETTERS + "test_a_down_that_waits_for_a_retry_is_told_when_it_is_due_and_its_up_after_it",
    ),
    "signs of life that are no history make overdue": Breakage(
        "store/rebuild_memory.py",
        "max(life_ms, self._least_base_ms(config, life_ms))",
        "life_ms",
        _REBUILD + "test_signs_of_life_that_are_no_history_and_a_resume_are_no_false_alarm",
    ),
    "a rebuild forgets that a down was delayed": Breakage(
        "store/rebuild_memory.py",
        "opened.delayed_ms if opened is not None else 0",
        "0",
        _REBUILD + "test_an_open_incident_stays_open_and_its_end_is_told_under_the_same_id",
    ),
    "a rebuild takes for told what was not recorded yet": Breakage(
        "store/rebuild_memory.py",
        "(self.heard_ms or 0) - RECORDED_WITHIN_MS",
        "(self.heard_ms or 0)",
        _SIGNALS + "test_an_overrun_of_which_the_history_may_not_know_yet_is_told",
    ),
    "a rebuild counts failures of a quiet time": Breakage(
        "store/rebuild_memory.py",
        " and not _is_quiet(config.rules, at_ms)",
        "",
        _SIGNALS + "test_failures_in_a_quiet_time_do_not_count_on",
    ),
    "a rebuild does not say how far was heard": Breakage(
        "store/live/rebuilding.py",
        'heard = [] if heard_ms is None else [("SET", shard.keys.heard, heard_ms)]',
        "heard: list[tuple[object, ...]] = []",
        _REBUILD + "test_the_time_since_the_last_known_ping_is_blind_and_the_dead_are_told_by_the_bound",
    ),
    "a rebuild writes without its lock": Breakage(
        "store/live/scripts/shared/fence.lua",
        "if redis.call('GET', table.remove(KEYS)) ~= table.remove(ARGV) then",
        "table.remove(KEYS); table.remove(ARGV)\nif false then",
        "tests/store/live/test_fenced.py::test_a_script_writes_nothing_once_the_lock_is_lost",
    ),
}
