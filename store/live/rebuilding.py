"""The live side's part in a rebuild: the lock, clearing what an earlier attempt left, and setting the generation."""

from __future__ import annotations

from redis.exceptions import RedisError

from store.errors import Unavailable
from store.live.connect import translate
from store.live.live import Live
from store.live.shard import Shard

LOCK_MS = 60_000


async def begin_rebuild(live: Live) -> None:
    """Take the lock for a minute. Raises Unavailable while another process is rebuilding."""
    key = live.shards[0].keys.rebuilding
    try:
        if not await live.client.set(key, "1", nx=True, px=LOCK_MS):
            raise Unavailable("another process is putting Redis in order", 2)
    except (RedisError, OSError) as error:
        raise translate(error) from error


async def empty_shard(live: Live, shard: Shard) -> None:
    """Remove what an attempt that was cut off has left in a shard. Its key buckets are written over anyway."""
    keys = shard.keys
    leftovers = (
        keys.config,
        keys.state,
        keys.deadlines,
        keys.tombstones,
        keys.writers,
        keys.replies,
        keys.heard,
        keys.blind,
        keys.tallies,
        keys.broken,
        keys.pings,
        keys.events,
        keys.raised,
        keys.dispatched,
        keys.orgs,
        keys.channels,
        keys.plans,
        keys.used,
        keys.uses,
        keys.deliveries,
        keys.due,
        keys.lines,
        keys.dead,
    )
    try:
        await live.client.unlink(*leftovers)
    except (RedisError, OSError) as error:
        raise translate(error) from error


async def finish_rebuild(live: Live, heard_ms: int | None) -> None:
    """Set the generation: from here on scripts work. What came after `heard_ms` will count as blind."""
    try:
        for shard in live.shards:
            if heard_ms is not None:
                await live.client.set(shard.keys.heard, heard_ms)
            await live.client.set(shard.keys.generation, live.generation.value)
        await live.client.delete(live.shards[0].keys.rebuilding)
    except (RedisError, OSError) as error:
        raise translate(error) from error
