"""The caller of `sweep.lua`."""

from __future__ import annotations

import msgspec

from store.blind_time import BlindTime
from store.live.packing import read_delays
from store.live.shard import Shard


class Swept(msgspec.Struct, frozen=True):
    """What one sweep found. `watermark_ms` is None when nobody listens: then nothing was judged. `blind`
    is the newest blind time of the shard."""

    now_ms: int
    watermark_ms: int | None
    writers: int
    looked_at: int
    next_deadline_ms: int | None
    delays_ms: list[int]
    blind: BlindTime | None


async def sweep(shard: Shard, limit: int) -> Swept:
    """Declare at most `limit` due monitors of a shard down."""
    keys = shard.keys
    now_ms, watermark, writers, looked_at, next_deadline, delays, *blind = await shard.call(
        "sweep",
        (
            keys.config,
            keys.state,
            keys.deadlines,
            keys.writers,
            keys.blind,
            keys.tallies,
            keys.broken,
            keys.events,
            keys.walk,
            keys.due,
            keys.rules,
            keys.runs,
            keys.reminders,
            keys.pauses,
        ),
        limit,
    )
    return Swept(
        now_ms,
        None if watermark < 0 else watermark,
        writers,
        looked_at,
        None if next_deadline < 0 else next_deadline,
        read_delays(delays),
        BlindTime(*blind) if any(blind) else None,
    )
