"""Callers of the scripts that put dead letters back in line, drop old ones, and find what Redis has lost."""

from __future__ import annotations

from collections.abc import Sequence

from store.live.shard import Shard


async def retry_letter(shard: Shard, delivery_id: str) -> int:
    """Put a dead letter back, with what was buried of its incident; how many that is, 0 if it is not a dead letter."""
    keys = shard.keys
    put_back = await shard.call(
        "retry_letter",
        (
            keys.deliveries,
            keys.due,
            keys.lines,
            keys.dead,
            keys.died,
            keys.buried,
            keys.letters,
            keys.tallies,
        ),
        delivery_id,
    )
    return int(put_back)


async def forget_dead(shard: Shard, age_ms: int, limit: int) -> int:
    """Drop at most `limit` dead letters that are older than this; answers how many."""
    keys = shard.keys
    used = (keys.dead, keys.died, keys.buried, keys.letters, keys.tallies)
    return int(await shard.call("forget_dead", used, age_ms, limit))


async def find_lost(shard: Shard, delivery_ids: Sequence[str]) -> list[str]:
    """Those that are neither waiting nor dead letters; none of them while the log has not been read to its end."""
    keys = shard.keys
    lost = await shard.call("find_lost", (keys.letters, keys.deliveries, keys.dead), *delivery_ids)
    return [bytes(one).decode() for one in lost]
