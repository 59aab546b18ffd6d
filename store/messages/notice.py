"""A message as channels get it."""

from __future__ import annotations

import msgspec

from store.last_ping import Answers


class Notice(msgspec.Struct, frozen=True):
    """One event for one channel. `body` is ready JSON; it and `event_id` are the same on every attempt.

    `answers` are those of recipients who need not be told again.
    """

    event_id: str
    body: bytes
    answers: Answers = ()
