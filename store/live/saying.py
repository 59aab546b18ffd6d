"""The caller of `say_alive.lua`."""

from __future__ import annotations

from store.live.shard import Shard

LIFE_MS = 5000


async def say_alive(shard: Shard, part: str) -> None:
    """A part is up and ready; it has to say so again within five seconds.

    Raises:
        Unavailable: Redis is away, or does not hold this installation.
    """
    await shard.call("say_alive", (shard.keys.part(part),), LIFE_MS)
