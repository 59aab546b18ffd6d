"""Many downs, or many ups, in one message: what dispatch makes of them. `scripts/shared/collect.lua` writes it.

It begins as every event does, with other words in some places: the moment when it is due instead of the last ping, how
many events it holds instead of the interval, flags instead of the grace, and where it came from instead of the UUID.
"""

from __future__ import annotations

import struct
from uuid import UUID, uuid5

import msgspec

from store.live.event_kind import EventKind
from store.monitor import INCIDENT_NAMESPACE

_EVENT = struct.Struct("<BB6s6s6s6sIIII16s")
_TAIL = struct.Struct("<IHI")
_MEMBER = struct.Struct("<I6s")
_NAMED = struct.Struct("<16s6s6s6sB")
_TAGGED = 2
HEAD_BYTES = _EVENT.size


class Named(msgspec.Struct, frozen=True):
    """One of the first monitors of a collection, with its incident; as Event has them."""

    public_id: UUID
    name: str
    silence_ms: int
    started_ms: int
    at_ms: int

    @property
    def incident_id(self) -> UUID:
        return uuid5(INCIDENT_NAMESPACE, f"{self.public_id}:{self.silence_ms}")


class CollectedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """So many monitors of an organisation went down, or up, together; for one channel.

    `first_ms` and `at_ms` are the moments of the first and the last. `member_ids` are their numbers, the first 5,000 of
    them. `tags` is None if they are not known; `is_tagged` says that somebody has looked for them.
    """

    kind: EventKind
    at_ms: int
    first_ms: int
    org_id: int
    count: int
    place: bytes
    member_ids: tuple[int, ...]
    named: tuple[Named, ...]
    tags: tuple[tuple[str, int], ...] | None
    is_tagged: bool

    @property
    def monitor_id(self) -> int:
        """It is of no single monitor."""
        return 0

    @property
    def incident_id(self) -> UUID:
        """The same for every attempt; another one for every collection."""
        return uuid5(INCIDENT_NAMESPACE, f"collected:{self.place.hex()}")


encode_tags = msgspec.msgpack.Encoder().encode
_decode_tags = msgspec.msgpack.Decoder(tuple[tuple[str, int], ...] | None).decode


def count_of(blob: bytes) -> int:
    """How many events a packed one tells of."""
    if len(blob) < HEAD_BYTES or blob[1] not in (EventKind.DOWNS, EventKind.UPS):
        return 1
    return int(_EVENT.unpack_from(blob)[8])


def read_collected(blob: bytes) -> CollectedEvent | None:
    """A packed collection; None for an unreadable one."""
    try:
        return _read(blob)
    except (struct.error, msgspec.DecodeError):
        return None


def _read(blob: bytes) -> CollectedEvent:
    head = _EVENT.unpack_from(blob)
    known, named, named_bytes = _TAIL.unpack_from(blob, HEAD_BYTES)
    members_at = HEAD_BYTES + _TAIL.size
    names_at = members_at + known * _MEMBER.size
    tags_at = names_at + named_bytes
    is_tagged = bool(head[9] & _TAGGED)
    members = _MEMBER.iter_unpack(blob[members_at:names_at])
    return CollectedEvent(
        kind=EventKind(head[1]),
        at_ms=_u48(head[2]),
        first_ms=_u48(head[4]),
        org_id=head[7],
        count=head[8],
        place=head[10],
        member_ids=tuple(monitor_id for monitor_id, _ in members),
        named=_named(blob, names_at, named),
        tags=_decode_tags(blob[tags_at:]) if is_tagged else None,
        is_tagged=is_tagged,
    )


def _named(blob: bytes, at: int, count: int) -> tuple[Named, ...]:
    found = []
    for _ in range(count):
        public_id, silence, started, moment, name_bytes = _NAMED.unpack_from(blob, at)
        at += _NAMED.size
        name = blob[at : at + name_bytes].decode("utf-8", "ignore")
        at += name_bytes
        found.append(Named(UUID(bytes=public_id), name, _u48(silence), _u48(started), _u48(moment)))
    return tuple(found)


def _u48(packed: bytes) -> int:
    return int.from_bytes(packed, "little")
