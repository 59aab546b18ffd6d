"""What every ping dialect is: a name, a prefix, a rule for bodies, and its words for each outcome. All of it pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ingest.doors.body import BodyRule, Refusal
from ingest.doors.reply import Reply, make_error
from store.beat import Signal
from store.live.heads import Outcome


class Door(BodyRule, Protocol):
    """A ping dialect: a rule for the bodies of plain pings, and words. With a signal any body is taken."""

    name: str
    prefix: str

    def welcome(self, monitor: str, arrival_ms: int) -> Reply:
        """The reply to a ping that counted; `monitor` is the monitor's name."""


UNKNOWN_KEY = make_error(404, "No monitor has this ping key.")
AWAY = make_error(
    503, "Pings cannot be recorded right now; this one may be lost. Try again.", retry_after_s=1
)
WRONG_METHOD = make_error(405, "Ping with GET, POST or HEAD.", allow="GET, POST, HEAD")
TOO_SLOW = make_error(408, "The body took too long to arrive.")
TOO_OFTEN = "Pinged more often than the plan allows; {}nothing was recorded."
# What counts of a ping that is not recorded. Of a log line there is nothing else.
WHAT_COUNTS: Mapping[int, str] = {
    Signal.SUCCESS: "the sign of life",
    Signal.FAIL: "the failure",
    Signal.START: "the start",
}
TOO_MANY_UNKNOWN = "Too many unknown ping keys were tried from this address; wait before trying another."


def answer(
    door: Door,
    outcome: int,
    refusal: Refusal | None,
    monitor: str,
    arrival_ms: int,
    retry_after_s: int,
    signal: int = Signal.SUCCESS,
) -> Reply:
    """The door's reply to a ping: from what became of it, what it signals, and what was wrong with it.

    Only a success is a sign of life.
    """
    if outcome == Outcome.UNKNOWN:
        return UNKNOWN_KEY
    if outcome in {Outcome.UNAVAILABLE, Outcome.BROKEN}:
        return AWAY
    counts = WHAT_COUNTS.get(signal, "")
    if outcome == Outcome.LIMITED:
        sentence = TOO_OFTEN.format(f"{counts} counts, but " if counts else "")
        return make_error(429, sentence, alive=signal == Signal.SUCCESS, retry_after_s=retry_after_s)
    if outcome == Outcome.TURNED_AWAY:
        return make_error(429, TOO_MANY_UNKNOWN, retry_after_s=retry_after_s)
    if refusal is not None:
        if signal == Signal.SUCCESS:
            return make_error(refusal.status, refusal.sentence, alive=True)
        also = f" {counts.capitalize()} counts all the same." if counts else ""
        return make_error(refusal.status, refusal.sentence + also)
    return door.welcome(monitor, arrival_ms)
