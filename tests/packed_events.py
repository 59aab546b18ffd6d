"""Events as the scripts pack them, for tests that append one to the stream themselves."""

from __future__ import annotations

import struct

import msgspec

from store.live.event_kind import EventKind
from store.live.packing import Event, read_event
from tests.stage import Stage

_HEAD = struct.Struct("<BB6s6s6s6sIIII16s")
_FULL = struct.Struct("<BIHH")
_FULL_FORMAT = 3


def pack_full_event(event: Event) -> bytes:
    """In the format that has cause, delay and schedule."""
    moments = (event.at_ms, event.silence_ms, event.started_ms, event.seen_ms)
    head = _HEAD.pack(
        _FULL_FORMAT,
        event.kind,
        *(moment.to_bytes(6, "little") for moment in moments),
        event.monitor_id,
        event.org_id,
        event.interval_s,
        event.grace_s,
        event.public_id.bytes,
    )
    words = event.schedule.encode()
    lower, upper = event.delayed_ms & 0xFFFFFFFF, event.delayed_ms >> 32
    return head + _FULL.pack(event.cause, lower, upper, len(words)) + words + event.name.encode()


async def append(stage: Stage, *events: Event) -> None:
    """As if a script had just told of them."""
    for event in events:
        await stage.redis.xadd(stage.shard.keys.events, {"e": pack_full_event(event)})


async def remind(stage: Stage, *monitor_ids: int) -> None:
    """As if the sweep had just told that these monitors are still down."""
    entries = await stage.redis.xrange(stage.shard.keys.events)
    events = [event for _, fields in entries if isinstance(event := read_event(fields[b"e"]), Event)]
    downs = {event.monitor_id: event for event in events if event.kind == EventKind.DOWN}
    for one in monitor_ids:
        reminder = msgspec.structs.replace(downs[one], kind=EventKind.REMINDER, at_ms=stage.now_ms)
        await append(stage, reminder)
