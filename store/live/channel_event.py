"""Events about channels themselves: somebody tries one, or one fails and the others are to know. Packed as all events.

`scripts/settle.lua` writes the head of the second sort; what follows the ids is opaque to the scripts.
"""

from __future__ import annotations

import struct
from uuid import UUID, uuid5

import msgspec

from store.live.event_kind import EventKind
from store.monitor import INCIDENT_NAMESPACE

_EVENT = struct.Struct("<BB6s6s6s6sIIII16s")
_CHANNEL = struct.Struct("<II")
_FORMAT = 1


class ChannelTold(msgspec.Struct, frozen=True, array_like=True):
    """A channel as it was; `reason` is why it fails, and `is_disabled` whether it will not be called any more.

    `is_partial`: it was told, but not everybody whom it tells.
    """

    public_id: str
    name: str
    kind: str
    reason: str = ""
    is_disabled: bool = False
    is_partial: bool = False


class TrialEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody tries a channel; for that one alone. `delivery_id` is how the log will call it."""

    at_ms: int
    org_id: int
    delivery_id: UUID
    channel_id: int
    told: ChannelTold

    @property
    def kind(self) -> EventKind:
        return EventKind.TRIAL

    @property
    def monitor_id(self) -> int:
        """It is of no monitor."""
        return 0

    @property
    def incident_id(self) -> UUID:
        return uuid5(INCIDENT_NAMESPACE, f"test:{self.delivery_id}")


class FailingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel was to be told was given up; for the other channels. It is of no monitor (`monitor_id` 0)."""

    at_ms: int
    org_id: int
    monitor_id: int
    channel_id: int
    told: ChannelTold

    @property
    def kind(self) -> EventKind:
        return EventKind.FAILING

    @property
    def incident_id(self) -> UUID:
        return uuid5(INCIDENT_NAMESPACE, f"failing:{self.told.public_id}:{self.at_ms}")


encode_told = msgspec.msgpack.Encoder().encode
_decode_told = msgspec.msgpack.Decoder(ChannelTold).decode


def pack_trial_event(event: TrialEvent) -> bytes:
    """A trial, on its way to the events."""
    at = event.at_ms.to_bytes(6, "little")
    head = _EVENT.pack(
        _FORMAT, EventKind.TRIAL, at, at, at, bytes(6), 0, event.org_id, 0, 0, event.delivery_id.bytes
    )
    return head + _CHANNEL.pack(event.channel_id, 0) + encode_told(event.told)


def read_channel_event(blob: bytes) -> TrialEvent | FailingEvent | None:
    """A packed event about a channel; None for an unreadable one."""
    try:
        head = _EVENT.unpack_from(blob)
        channel_id, _ = _CHANNEL.unpack_from(blob, _EVENT.size)
        told = _decode_told(blob[_EVENT.size + _CHANNEL.size :])
    except (struct.error, msgspec.DecodeError):
        return None
    at_ms, monitor_id, org_id = int.from_bytes(head[2], "little"), head[6], head[7]
    if head[1] == EventKind.TRIAL:
        return TrialEvent(
            at_ms=at_ms, org_id=org_id, delivery_id=UUID(bytes=head[10]), channel_id=channel_id, told=told
        )
    return FailingEvent(at_ms=at_ms, org_id=org_id, monitor_id=monitor_id, channel_id=channel_id, told=told)
