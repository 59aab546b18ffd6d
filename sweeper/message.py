"""What a channel is told about an event: the JSON of the contract, the same bytes on every attempt."""

from __future__ import annotations

from uuid import uuid5

import msgspec

from store.live.packing import Event, EventKind
from store.timestamps import rfc3339
from sweeper.channels.attempt import Notice

TYPES = {EventKind.DOWN: "monitor.down", EventKind.UP: "monitor.up"}
_encode = msgspec.json.Encoder().encode


class MonitorTold(msgspec.Struct, frozen=True, rename="camel"):
    """The monitor, as it was when the event happened. `last_ping_at` is None if it never pinged."""

    id: str
    name: str
    interval: int
    grace_period: int
    last_ping_at: str | None


class IncidentTold(msgspec.Struct, frozen=True, rename="camel"):
    """The incident; `ended_at` is None while it is open."""

    id: str
    kind: str
    started_at: str
    ended_at: str | None


class Data(msgspec.Struct, frozen=True):
    monitor: MonitorTold
    incident: IncidentTold


class Told(msgspec.Struct, frozen=True):
    """The whole message. `timestamp` is the moment of the event, not of the attempt."""

    type: str
    timestamp: str
    data: Data


def notice_of(event: Event) -> Notice:
    """An event as every channel gets it; its id is the same for the same event, also after a rebuild (UUIDv5)."""
    kind = TYPES[event.kind]
    incident_id = event.incident_id
    monitor = MonitorTold(
        id=str(event.public_id),
        name=event.name,
        interval=event.interval_s,
        grace_period=event.grace_s,
        last_ping_at=rfc3339(event.seen_ms) if event.seen_ms else None,
    )
    incident = IncidentTold(
        id=str(incident_id),
        kind="silence",
        started_at=rfc3339(event.started_ms),
        ended_at=rfc3339(event.at_ms) if event.kind == EventKind.UP else None,
    )
    body = _encode(Told(kind, rfc3339(event.at_ms), Data(monitor, incident)))
    return Notice(str(uuid5(incident_id, kind)), body)
