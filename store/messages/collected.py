"""What is told of many monitors that went down, or came back, together: how many, which tags, which names."""

from __future__ import annotations

import msgspec

from store.live.collected_event import CollectedEvent, Named
from store.live.event_kind import EventKind
from store.timestamps import rfc3339


class IncidentNamed(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    started_at: str
    ended_at: str | None


class MonitorListed(msgspec.Struct, frozen=True):
    """One of the monitors, with its incident."""

    id: str
    name: str
    incident: IncidentNamed


class TagCounted(msgspec.Struct, frozen=True):
    """A tag, and how many of the monitors have it."""

    tag: str
    count: int


class CollectedData(msgspec.Struct, frozen=True, rename="camel"):
    """`monitors` are the first of them. `tags` are those of the first 5,000; null if they could not be looked up."""

    count: int
    first_at: str
    last_at: str
    monitors: list[MonitorListed]
    tags: list[TagCounted] | None


def collected(event: CollectedEvent) -> CollectedData:
    return CollectedData(
        count=event.count,
        first_at=rfc3339(event.first_ms),
        last_at=rfc3339(event.at_ms),
        monitors=[_listed(one, event.kind) for one in event.named],
        tags=None if event.tags is None else [TagCounted(tag, count) for tag, count in event.tags],
    )


def _listed(one: Named, kind: EventKind) -> MonitorListed:
    ended_at = rfc3339(one.at_ms) if kind == EventKind.UPS else None
    return MonitorListed(
        str(one.public_id), one.name, IncidentNamed(str(one.incident_id), rfc3339(one.started_ms), ended_at)
    )
