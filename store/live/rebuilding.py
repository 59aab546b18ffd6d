"""The live side's part in a rebuild: the lock, clearing what an earlier attempt left, and setting the generation."""

from __future__ import annotations

import asyncio
import logging
import secrets
from types import TracebackType
from typing import Any

from redis.exceptions import RedisError

from store.errors import Unavailable
from store.live.connect import translate
from store.live.live import Live
from store.live.shard import Shard

LOCK_MS = 10_000
PROLONG_EVERY_S = 3.0
_log = logging.getLogger(__name__)


class RebuildLock:
    """One process at a time puts Redis in order. Whoever dies while holding it holds up the others for ten seconds."""

    def __init__(self, live: Live) -> None:
        self._client: Any = live.client
        self._key = live.shards[0].keys.rebuilding
        self._token = secrets.token_hex(8).encode()
        self._prolonging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> RebuildLock:
        """Raises Unavailable while another process is rebuilding."""
        try:
            taken = await self._client.set(self._key, self._token, nx=True, px=LOCK_MS)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        if not taken:
            raise Unavailable("another process is putting Redis in order", 2)
        self._prolonging = asyncio.create_task(self._prolong())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._prolonging is not None:
            self._prolonging.cancel()
        try:
            if await self._client.get(self._key) == self._token:
                await self._client.delete(self._key)
        except (RedisError, OSError) as away:
            _log.debug("the lock of the rebuild ends by itself: %s", away)

    async def check(self) -> None:
        """Raises Unavailable when we were away for so long that another process may have taken over."""
        try:
            holder = await self._client.get(self._key)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        if holder != self._token:
            raise Unavailable("putting Redis in order was interrupted; it begins again")

    async def _prolong(self) -> None:
        while True:
            await asyncio.sleep(PROLONG_EVERY_S)
            try:
                if await self._client.get(self._key) == self._token:
                    await self._client.pexpire(self._key, LOCK_MS)
            except (RedisError, OSError) as error:
                _log.debug("cannot prolong the lock of the rebuild: %s", error)


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
        keys.died,
        keys.buried,
        keys.disabled,
        keys.named,
        keys.manners,
        keys.bursts,
        keys.collected,
        keys.failing,
        keys.letters,
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
    except (RedisError, OSError) as error:
        raise translate(error) from error
