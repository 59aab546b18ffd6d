"""Writer slots as the scripts keep them, put into Redis by hand: their writers were heard when a test says."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from store.clock import wall_ms
from store.live.keys import Keyspace
from tests.stage import GENERATION

KEYS = Keyspace(0)


async def hold_installation(client: Any, **silent_ms: int) -> None:
    """Make an empty server one that holds an installation with these writers, `main_1=5000` being `main-1`."""
    await client.set(KEYS.generation, GENERATION)
    for name, since_ms in silent_ms.items():
        await put_slot(client, name.replace("_", "-"), since_ms)


async def put_slot(client: Any, slot: str, silent_ms: int) -> None:
    """A slot whose writer was heard so long ago."""
    moments = (wall_ms() - silent_ms, 1, wall_ms() - silent_ms)
    blob = b"\x01" + b"".join(moment.to_bytes(6, "little") for moment in moments) + b"8 bytes!"
    await client.hset(KEYS.writers, slot, blob)


async def slots_left(client: Any) -> list[str]:
    return sorted(slot.decode() for slot in await client.hkeys(KEYS.writers))


async def hold_installation_at(url: str, **silent_ms: int) -> None:
    """The same for a server by its URL."""
    async with Redis.from_url(url) as client:
        await hold_installation(client, **silent_ms)


async def slots_left_at(url: str) -> list[str]:
    async with Redis.from_url(url) as client:
        return await slots_left(client)
