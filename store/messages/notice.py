"""A message as channels get it."""

from __future__ import annotations

import msgspec


class Notice(msgspec.Struct, frozen=True):
    """One event for one channel. `body` is ready JSON; it and `event_id` are the same on every attempt."""

    event_id: str
    body: bytes
