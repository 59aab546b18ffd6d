"""The caller of `count_use.lua`."""

from __future__ import annotations

from store.live.shard import Shard


async def count_use(shard: Shard, who: str, most_a_minute: int) -> int:
    """Count one call of the admin API; 0, or the ms until the next minute if somebody has had enough for this one."""
    return int(await shard.call("count_use", (shard.keys.uses,), who, most_a_minute))
