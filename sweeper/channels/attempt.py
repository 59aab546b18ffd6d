"""The words between dispatch and a channel: how one attempt to tell something went."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["delivered", "retry", "gone"]


class Attempt(msgspec.Struct, frozen=True):
    """How one attempt went.

    `gone` means that the receiver asks never to be called again. `retry_after_s` is the pause it asked for,
    already bounded. `reason` is a short sentence for people; it never holds a secret or any part of the URL.
    """

    outcome: Outcome
    status: int | None
    retry_after_s: float | None
    reason: str
    duration_ms: int
