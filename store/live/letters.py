"""Reads the entries of the stream `letters`: which deliveries were made, and what became of them.

`scripts/shared/letters.lua` writes them. A record is believed only if it is whole.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from enum import IntEnum

import msgspec

_MADE = struct.Struct("<BBII")
_MOVED = struct.Struct("<BBHBHI6sB")
_GROWN = struct.Struct("<BBI")
_CHANNEL_BYTES = 4
_MADE_KIND, _MOVED_KIND, _GROWN_KIND = 1, 2, 3


class MovedTo(IntEnum):
    """Where a delivery has got to."""

    DELIVERED = 1
    RETRYING = 2
    DEAD = 3
    DROPPED = 4
    WAITING = 5


class Made(msgspec.Struct, frozen=True):
    """An event became one delivery for each of these channels."""

    event_entry: str
    event: bytes
    channel_ids: tuple[int, ...]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery moved on, by the attempt of this number or (0) without one. A status or next moment of 0 is none."""

    delivery_id: str
    attempt: int
    to: MovedTo
    status: int
    duration_ms: int
    next_ms: int
    reason: str


class Grown(msgspec.Struct, frozen=True):
    """More events were collected in a delivery; `event` is what it is now, or only the head of that."""

    delivery_id: str
    event: bytes


Record = Made | Moved | Grown


class LetterEntry(msgspec.Struct, frozen=True):
    """What one call did, in order. `dispatched` is the event up to which all were turned into deliveries, or empty.

    `appended_bytes` counts what was ever appended, up to and with this entry. `is_whole` is False where a part cannot
    be read.
    """

    id: str
    now_ms: int
    appended_bytes: int
    dispatched: str
    records: list[Record]
    is_whole: bool


def letter_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> LetterEntry:
    """An entry of the stream; what comes after something unreadable in it is left out."""
    packed, at = fields.get(b"r", b""), 0
    records: list[Record] = []
    while at < len(packed):
        found = _record(packed, at)
        if found is None:
            break
        record, at = found
        records.append(record)
    return LetterEntry(
        entry_id.decode(),
        _number(fields.get(b"t")),
        _number(fields.get(b"c")),
        fields.get(b"d", b"").decode("ascii", "replace"),
        records,
        at == len(packed),
    )


def _record(packed: bytes, at: int) -> tuple[Record, int] | None:
    """The record that begins here with where the next one does; None if it is not whole."""
    kind = packed[at]
    try:
        record, end = _READERS[kind](packed, at)
    except (struct.error, ValueError, KeyError):
        return None
    return (record, end) if end <= len(packed) else None


def _made(packed: bytes, at: int) -> tuple[Made, int]:
    _, id_bytes, event_bytes, channels_bytes = _MADE.unpack_from(packed, at)
    event_at = at + _MADE.size + id_bytes
    channels_at = event_at + event_bytes
    end = channels_at + channels_bytes
    channels = struct.unpack_from(f"<{channels_bytes // _CHANNEL_BYTES}I", packed, channels_at)
    return Made(packed[at + _MADE.size : event_at].decode(), packed[event_at:channels_at], channels), end


def _moved(packed: bytes, at: int) -> tuple[Moved, int]:
    _, id_bytes, attempt, to, status, duration_ms, next_ms, reason_bytes = _MOVED.unpack_from(packed, at)
    reason_at = at + _MOVED.size + id_bytes
    end = reason_at + reason_bytes
    moved = Moved(
        delivery_id=packed[at + _MOVED.size : reason_at].decode(),
        attempt=attempt,
        to=MovedTo(to),
        status=status,
        duration_ms=duration_ms,
        next_ms=int.from_bytes(next_ms, "little"),
        reason=packed[reason_at:end].decode("utf-8", "replace"),
    )
    return moved, end


def _grown(packed: bytes, at: int) -> tuple[Grown, int]:
    _, id_bytes, event_bytes = _GROWN.unpack_from(packed, at)
    event_at = at + _GROWN.size + id_bytes
    end = event_at + event_bytes
    return Grown(packed[at + _GROWN.size : event_at].decode(), packed[event_at:end]), end


_READERS: Mapping[int, Callable[[bytes, int], tuple[Record, int]]] = {
    _MADE_KIND: _made,
    _MOVED_KIND: _moved,
    _GROWN_KIND: _grown,
}


def _number(text: bytes | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0
