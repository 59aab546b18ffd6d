"""Makes the monitors that are pinged, through the API as anyone would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from bench.load import BenchFailed

AT_ONCE = 16
# Long enough that nothing goes down while the bench looks elsewhere.
INTERVAL_S = 86_400


async def create_monitors(url: str, admin_key: str, count: int) -> tuple[str, ...]:
    """Create monitors, a few at a time, and return their ping keys."""
    keys: list[str] = []
    numbers = iter(range(count))
    headers = {"Authorization": f"Bearer {admin_key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        await asyncio.gather(*(_create(client, numbers, keys) for _ in range(AT_ONCE)))
    return tuple(keys)


async def _create(client: httpx.AsyncClient, numbers: Iterator[int], keys: list[str]) -> None:
    for number in numbers:
        wanted = {"name": f"bench {number}", "interval": INTERVAL_S, "gracePeriod": INTERVAL_S}
        reply = await client.post("/api/monitors", json=wanted)
        if reply.status_code != 201:
            raise BenchFailed(f"creating a monitor was answered with {reply.status_code}: {reply.text}")
        keys.append(urlsplit(reply.json()["pingUrl"]).path.rpartition("/")[2])
