"""The words between dispatch and a channel: what is to be told, and how one attempt to tell it went."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["delivered", "retry", "gone"]


class Notice(msgspec.Struct, frozen=True):
    """One event for one channel. `body` is ready JSON; it and `event_id` are the same on every attempt."""

    event_id: str
    body: bytes


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
