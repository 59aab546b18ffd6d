"""The words between dispatch and a channel: how one attempt to tell something went."""

from __future__ import annotations

from typing import Literal

import msgspec

from store.last_ping import Answers

# Of one channel at a time, so that a receiver that hangs does not stop the others.
ATTEMPTS_PER_CHANNEL = 8
Outcome = Literal["delivered", "partly", "retry", "rejected", "gone"]


class Attempt(msgspec.Struct, frozen=True):
    """How one attempt went.

    `partly`: some recipients have it, others may get it later. `rejected`: another attempt would fare the same. `gone`
    means that the receiver asks never to be called again. `retry_after_s` is the pause it asked for, already bounded.
    `reason` is a short sentence for people; it never holds a secret or any part of the URL. `answers` are those of
    recipients who need not be told again, and `misses` says that some of these will not get it.
    """

    outcome: Outcome
    status: int | None
    retry_after_s: float | None
    reason: str
    duration_ms: int
    answers: Answers = ()
    misses: bool = False
