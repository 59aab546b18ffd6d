"""The event of an organisation that could not be heard for a while; packed as all events."""

from __future__ import annotations

import struct
from typing import Any
from uuid import UUID, uuid5

import msgspec

from store.live.event_kind import EventKind
from store.monitor import INCIDENT_NAMESPACE

# As every event begins (see packing.py). It is of no monitor, and has neither interval nor grace.
_EVENT = struct.Struct("<BB6s6s6s6sIIII16s")
_FORMAT = 1
NO_MONITOR = 0


class MonitorUnheard(msgspec.Struct, frozen=True, array_like=True):
    """A monitor whose pings may have gone unheard."""

    public_id: UUID
    name: str


class FleetUnheard(msgspec.Struct, frozen=True, array_like=True):
    """How many monitors it concerns, and some of them; `goes_on`: it was not over then. Opaque to the scripts."""

    count: int
    examples: list[MonitorUnheard]
    goes_on: bool = False


class UnheardEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation could not be heard from `from_ms` to `to_ms`; for all of its channels. `public_id` is its own."""

    from_ms: int
    to_ms: int
    org_id: int
    public_id: UUID
    told: FleetUnheard

    @property
    def kind(self) -> EventKind:
        return EventKind.UNHEARD

    @property
    def at_ms(self) -> int:
        return self.to_ms

    @property
    def monitor_id(self) -> int:
        """It is of none; the shard in which none would live carries it."""
        return NO_MONITOR

    @property
    def incident_id(self) -> UUID:
        """The same however often it is told."""
        return uuid5(INCIDENT_NAMESPACE, f"{self.public_id}:unheard:{self.from_ms}:{self.to_ms}")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FleetUnheard).decode


def read_unheard(head: tuple[Any, ...], tail: bytes) -> UnheardEvent | None:
    """From the fields that every event begins with, and what follows; None for an unreadable one."""
    try:
        told = _decode(tail)
    except msgspec.DecodeError:
        return None
    return UnheardEvent(
        from_ms=int.from_bytes(head[3], "little"),
        to_ms=int.from_bytes(head[2], "little"),
        org_id=head[7],
        public_id=UUID(bytes=head[10]),
        told=told,
    )


def pack_unheard_event(event: UnheardEvent) -> bytes:
    """What an organisation is told of a time in which it was not heard; it is of no monitor."""
    moments = (event.to_ms, event.from_ms, event.from_ms, event.to_ms)
    head = _EVENT.pack(
        _FORMAT,
        EventKind.UNHEARD,
        *(moment.to_bytes(6, "little") for moment in moments),
        NO_MONITOR,
        event.org_id,
        0,
        0,
        event.public_id.bytes,
    )
    return head + _encode(event.told)
