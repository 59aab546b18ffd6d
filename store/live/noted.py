"""Reads the event of a delivery, behind which may stand what its monitor sent last; `note_last_ping.lua` writes it."""

from __future__ import annotations

import struct

import msgspec

from store import last_ping
from store.last_ping import NOTHING, Noted

_LENGTH = struct.Struct("<H")
_NOTED = 16


def take_apart(blob: bytes) -> tuple[bytes, Noted | None]:
    """The event itself, and what was noted behind it (None: nothing yet); what cannot be read is left out."""
    if not blob or blob[0] < _NOTED or len(blob) < _LENGTH.size:
        return blob, None
    noted_at = len(blob) - _LENGTH.size - _LENGTH.unpack(blob[-_LENGTH.size :])[0]
    event = bytes((blob[0] - _NOTED,)) + blob[1 : max(1, noted_at)]
    try:
        return event, last_ping.decode(blob[noted_at : -_LENGTH.size])
    except (msgspec.DecodeError, ValueError):
        return event, NOTHING
