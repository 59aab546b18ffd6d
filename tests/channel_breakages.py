"""Deliberate breakages of what channels do, each with a test that has to notice it."""

from __future__ import annotations

from tests.breakage import Breakage

_CHANNELS = "tests/sweeper/channels"

CHANNEL_BREAKAGES: dict[str, Breakage] = {
    "who has a mail gets it again": Breakage(
        "sweeper/dispatch.py",
        "return msgspec.structs.replace(notice, answers=_answers(one))",
        "return notice",
        f"{_CHANNELS}/test_recipients.py::test_a_greylisted_address_gets_it_later_and_the_other_one_once",
    ),
    "an empty redis forgets who has a mail": Breakage(
        "store/live/scripts/settle.lua",
        "  note_grown(delivery, event)\n",
        "",
        f"{_CHANNELS}/test_recipients.py::test_an_empty_redis_makes_nobody_forget_who_has_it",
    ),
    "one refused address keeps the end from the others": Breakage(
        "sweeper/channels/recipients.py",
        'return "rejected" if never and not have else "delivered"',
        'return "rejected" if never else "delivered"',
        f"{_CHANNELS}/test_recipients.py"
        "::test_a_refused_address_is_told_to_the_other_channels_once_and_the_end_follows",
    ),
    "a chat service that hangs takes all places": Breakage(
        "sweeper/channels/places.py",
        "self._taken.total() < self._at_once and self._taken[owner] < self._of_one",
        "self._taken.total() < min(self._at_once, 4)",
        f"{_CHANNELS}/test_chat_at_once.py"
        "::test_forty_messages_beside_a_service_that_hangs_all_arrive_at_the_first_attempt",
    ),
    "a chat message may go to private addresses": Breakage(
        "sweeper/channels/chat_child.py",
        "    gate.close()\n",
        "",
        f"{_CHANNELS}/test_chat.py::test_nothing_goes_where_channels_may_not_go",
    ),
    "waiting for the start counts towards the time of an attempt": Breakage(
        "sweeper/channels/chat.py",
        "                started_ms = monotonic_ms()\n                done = await self._process.carry(errand)\n",
        "                left_s = errand.within_s - (monotonic_ms() - started_ms) / 1000\n"
        "                errand = msgspec.structs.replace(errand, within_s=left_s)\n"
        "                done = await self._process.carry(errand)\n",
        f"{_CHANNELS}/test_chat_at_once.py"
        "::test_waiting_for_a_place_and_for_the_start_costs_nothing_of_an_attempt",
    ),
    "those who wait for a place take the places of others": Breakage(
        "sweeper/dispatch.py",
        "min(ATTEMPTS_AT_ONCE + sum(waiting.values()), LEASED_AT_ONCE)",
        "ATTEMPTS_AT_ONCE",
        f"{_CHANNELS}/test_chat_at_once.py::test_a_hundred_chat_channels_that_hang_leave_places_for_webhooks",
    ),
    "kinds of which many wait are leased on": Breakage(
        "sweeper/dispatch.py",
        "        busy |= {channel for channel, kind in self._kinds.items() if kind in crowded}\n",
        "",
        f"{_CHANNELS}/test_chat_at_once.py::test_a_hundred_chat_channels_that_hang_leave_places_for_webhooks",
    ),
    "a mail that was given up for some is told to nobody else": Breakage(
        "sweeper/verdict.py",
        '(settlement == "done" and attempt.outcome == "partly") or attempt.misses',
        "attempt.misses",
        f"{_CHANNELS}/test_recipients.py"
        "::test_an_address_that_never_takes_it_does_not_hold_up_the_end_for_long",
    ),
    "a mail that nobody has is said to have reached some": Breakage(
        "sweeper/verdict.py",
        'is_partial=is_partial and settlement != "dead")',
        "is_partial=is_partial)",
        f"{_CHANNELS}/test_recipients.py"
        "::test_when_everybody_is_refused_for_good_the_other_channels_hear_that_nobody_has_it",
    ),
}
