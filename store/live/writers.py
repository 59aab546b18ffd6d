"""Who listens: the writer slots that are registered, how far each has heard, and taking a silent one out."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import msgspec

from store.live.shard import Shard

# A writer says every 200 ms how far it has heard, and with every batch.
SILENT_MS = 2_000


class Registered(msgspec.Struct, frozen=True):
    """A writer slot of a shard. `silent_ms` is how long ago it was heard last; None: its record cannot be read."""

    shard: int
    slot: str
    silent_ms: int | None

    @property
    def is_heard(self) -> bool:
        return self.silent_ms is not None and self.silent_ms < SILENT_MS


class Dropping(IntEnum):
    """What came of an attempt to take a writer out."""

    NOT_THERE = 0
    HEARD = 1
    DROPPED = 2


class Dropped(msgspec.Struct, frozen=True):
    """`unheard_ms`: the time up to now that it had not accounted for, which is blind."""

    what: Dropping
    unheard_ms: int


def slot_of(node: str, worker: int) -> str:
    """The writer slot of one of a node's ingest processes."""
    return f"{node}-{worker}"


def number_of(node: str, slot: str) -> int | None:
    """Which of this node's ingest processes a slot belongs to; None: none of them."""
    owner, _, number = slot.rpartition("-")
    return int(number) if owner == node and number.isdecimal() else None


async def registered(shards: Iterable[Shard]) -> list[Registered]:
    """All writer slots, by name and shard."""
    found = []
    for shard in shards:
        now_ms, *pairs = await shard.call("list_writers", (shard.keys.writers,))
        for slot, heard_ms in zip(pairs[::2], pairs[1::2], strict=True):
            silent_ms = None if heard_ms < 0 else max(0, now_ms - heard_ms)
            found.append(Registered(shard.keys.shard, bytes(slot).decode(), silent_ms))
    return sorted(found, key=lambda one: (one.slot, one.shard))


async def drop_writer(shard: Shard, slot: str, silent_ms: int = SILENT_MS) -> Dropped:
    """Take a writer out unless it was heard within the last `silent_ms`; what it did not hear becomes blind.

    If its process is still there, its next batch is refused, and it registers anew.
    """
    keys = shard.keys
    what, unheard_ms = await shard.call(
        "drop_writer", (keys.writers, keys.replies, keys.heard, keys.blind, keys.tallies), slot, silent_ms
    )
    return Dropped(Dropping(what), unheard_ms)
