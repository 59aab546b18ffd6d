"""Deliberate breakages of counting attempts, and of settling them, each with a test that has to notice it."""

from __future__ import annotations

from tests.breakage import Breakage

_SCRIPTS = "store/live/scripts"
_SETTLING = "tests/sweeper/test_settling.py"
_DISPATCH = "tests/sweeper/test_dispatch.py"

SETTLING_BREAKAGES: dict[str, Breakage] = {
    "every lease counts as a failed attempt": Breakage(
        f"{_SCRIPTS}/lease.lua",
        "return failed_of(turn) + leases * A_LEASE,",
        "return failed_of(turn) + 1 + leases * A_LEASE,",
        f"{_SETTLING}::test_leases_that_end_without_a_word_are_no_failed_attempts",
    ),
    "failed attempts are not counted": Breakage(
        f"{_SCRIPTS}/settle.lua",
        "local attempts = math.min(failed_of(turn) + made, A_LEASE - 1)",
        "local attempts = made",
        f"{_DISPATCH}::test_a_down_that_failed_to_the_end_is_a_dead_letter_and_takes_its_up_along",
    ),
    "the leases of a failed attempt are counted against the next": Breakage(
        f"{_SCRIPTS}/settle.lua",
        "blob = struct.pack(DELIVERY, 1, attempts) .. event\nif",
        "blob = struct.pack(DELIVERY, 1, turn + made) .. event\nif",
        f"{_SETTLING}::test_an_attempt_that_failed_ends_the_count_of_its_leases",
    ),
    "two leases have one token": Breakage(
        f"{_SCRIPTS}/lease.lua",
        "leases = (LEASES_COUNTED + 1) / 2 end",
        "leases = LEASES_COUNTED end",
        f"{_SETTLING}::test_every_lease_has_another_token_however_many_there_were",
    ),
    "what ends every sweeper is tried every five seconds": Breakage(
        f"{_SCRIPTS}/lease.lua",
        "math.max(lease_ms, math.min(longer, LONGEST_MS))",
        "lease_ms",
        f"{_SETTLING}::test_what_ends_every_sweeper_waits_longer_and_longer_and_is_a_dead_letter_in_the_end",
    ),
    "what ends every sweeper is tried for ever": Breakage(
        "sweeper/dispatch.py",
        "one.is_disabled or one.leases > LEASES_PER_ATTEMPT",
        "one.is_disabled",
        f"{_SETTLING}::test_what_ends_every_sweeper_waits_longer_and_longer_and_is_a_dead_letter_in_the_end",
    ),
    "an answer that could not be settled is forgotten": Breakage(
        "sweeper/settling.py",
        "            self._remember(verdict)\n            return False",
        "            return False",
        f"{_SETTLING}::test_what_cannot_be_settled_for_long_is_settled_later_and_not_sent_again",
    ),
    "an answer whose lease was lost is forgotten": Breakage(
        "sweeper/settling.py",
        "self._remember(msgspec.structs.replace(verdict, lease=lease, lost_ms=monotonic_ms()))",
        "pass",
        f"{_SETTLING}::test_what_cannot_be_settled_for_long_is_settled_later_and_not_sent_again",
    ),
    "what is under way is attempted a second time": Breakage(
        "sweeper/settling.py",
        "        if one.delivery_id in self._under_way:",
        "        if False:",
        f"{_SETTLING}::test_a_lease_that_an_attempt_got_on_its_way_settles_it",
    ),
    "an attempt keeps its first lease": Breakage(
        "sweeper/settling.py",
        "            self._under_way[one.delivery_id] = one\n            return False",
        "            return False",
        f"{_SETTLING}::test_a_lease_that_an_attempt_got_on_its_way_settles_it",
    ),
    "an old answer settles another life of the delivery": Breakage(
        "sweeper/settling.py",
        " and self.lease.leases < lease.leases",
        "",
        f"{_SETTLING}::test_a_dead_letter_that_is_sent_again_is_attempted_though_its_former_answer_is_remembered",
    ),
    "an old answer settles the next attempt": Breakage(
        "sweeper/settling.py",
        "self.lease.attempt == lease.attempt and ",
        "",
        f"{_SETTLING}::test_the_next_attempt_is_made_though_somebody_else_has_settled_the_former_one",
    ),
    "an old answer is never forgotten": Breakage(
        "sweeper/settling.py",
        "return not is_old and ",
        "return ",
        f"{_SETTLING}::test_an_answer_whose_lease_was_lost_is_forgotten_after_a_while",
    ),
    "answers are remembered without end": Breakage(
        "sweeper/settling.py",
        "while len(self._verdicts) > REMEMBERED:",
        "while False:",
        f"{_SETTLING}::test_no_more_is_remembered_than_its_bound",
    ),
}
