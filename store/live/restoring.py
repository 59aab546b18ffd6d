"""Callers of the scripts that put deliveries and untold events back after Redis was emptied."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from store.live.shard import Shard


class RestoredDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as history remembers it. `due_ms` 0: at once; `died_ms` 0: it is not a dead letter."""

    id: str
    attempts: int
    due_ms: int
    died_ms: int
    event: bytes


async def restore_deliveries(shard: Shard, deliveries: Sequence[RestoredDelivery]) -> int:
    """Put deliveries back, in the order of their lines; answers how many of them can be read."""
    keys = shard.keys
    arguments = [
        part for one in deliveries for part in (one.id, one.attempts, one.due_ms, one.died_ms, one.event)
    ]
    restored = await shard.call(
        "restore_deliveries",
        (keys.deliveries, keys.due, keys.lines, keys.dead, keys.died, keys.buried, keys.collected),
        *arguments,
    )
    return int(restored)


async def restore_events(shard: Shard, events: Sequence[tuple[str, bytes]]) -> int:
    """Append events, in order, each with where the history has it."""
    arguments = [part for event in events for part in event]
    return int(await shard.call("restore_events", (shard.keys.events,), *arguments))
