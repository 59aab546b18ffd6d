"""What every ping dialect is: a name, a prefix, a rule for bodies, and its words for each outcome. All of it pure."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ingest.doors.reply import Reply, make_error
from store.live.heads import Outcome


class Refusal(msgspec.Struct, frozen=True):
    """A body that the dialect does not take. The ping still counts as a sign of life."""

    status: int
    sentence: str


class Door(Protocol):
    """A ping dialect. `kept_bytes`: a body is read up to here; `strict_length`: a longer one is refused with 413."""

    name: str
    prefix: str
    kept_bytes: int
    strict_length: bool

    def judge(self, body: bytes) -> Refusal | None:
        """Whether the dialect takes this body; an empty one is always taken and not asked about."""

    def welcome(self, monitor: str, arrival_ms: int) -> Reply:
        """The reply to a ping that counted; `monitor` is the monitor's name."""


UNKNOWN_KEY = make_error(404, "No monitor has this ping key.")
AWAY = make_error(
    503, "Pings cannot be recorded right now; this one may be lost. Try again.", retry_after_s=1
)
WRONG_METHOD = make_error(405, "Ping with GET, POST or HEAD.", allow="GET, POST, HEAD")
TOO_SLOW = make_error(408, "The body took too long to arrive.")
TOO_OFTEN = "Pinged more often than the plan allows; the sign of life counts, but nothing was recorded."
TOO_MANY_UNKNOWN = "Too many unknown ping keys were tried from this address; wait before trying another."


def answer(
    door: Door, outcome: int, refusal: Refusal | None, monitor: str, arrival_ms: int, retry_after_s: int
) -> Reply:
    """The door's reply to a ping: from what became of it and what the door said about its body."""
    if outcome == Outcome.UNKNOWN:
        return UNKNOWN_KEY
    if outcome in {Outcome.UNAVAILABLE, Outcome.BROKEN}:
        return AWAY
    if outcome == Outcome.LIMITED:
        return make_error(429, TOO_OFTEN, alive=True, retry_after_s=retry_after_s)
    if outcome == Outcome.TURNED_AWAY:
        return make_error(429, TOO_MANY_UNKNOWN, retry_after_s=retry_after_s)
    if refusal is not None:
        return make_error(refusal.status, refusal.sentence, alive=True)
    return door.welcome(monitor, arrival_ms)
