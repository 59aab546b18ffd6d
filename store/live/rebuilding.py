"""The live side's part in a rebuild: the lock, clearing what an earlier attempt left, and setting the generation."""

from __future__ import annotations

import asyncio
import logging
import secrets
from types import TracebackType
from typing import Any

from redis.exceptions import RedisError

from store.errors import Unavailable
from store.live.connect import Argument, Caller, translate
from store.live.fenced import FencedCaller
from store.live.live import Live
from store.live.shard import Shard

LOCK_MS = 10_000
PROLONG_EVERY_S = 3.0
_log = logging.getLogger(__name__)


class Rebuilding(Unavailable):
    """Redis is being put in order by another process."""


class RebuildLock:
    """One process at a time puts Redis in order. Whoever dies while holding it holds up the others for ten seconds.

    `live` is the live side for whoever holds it: what is written there takes effect only as long as it is held. The
    first shard decides who that is; each has a copy of the lock, as a call reaches one shard only.
    """

    def __init__(self, live: Live) -> None:
        self._client: Any = live.client
        self._token = secrets.token_hex(8).encode()
        self._key, *self._copies = (shard.keys.rebuilding for shard in live.shards)
        caller = Caller(live.client, live.scripts)
        self.live = live.with_shards(
            Shard(FencedCaller(caller, shard.keys.rebuilding, self._token), shard.keys, shard.generation)
            for shard in live.shards
        )
        self._prolonging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> RebuildLock:
        """Raises Unavailable while another process is rebuilding."""
        try:
            taken = await self._client.set(self._key, self._token, nx=True, px=LOCK_MS)
            for copy in self._copies if taken else ():
                await self._client.set(copy, self._token, px=LOCK_MS)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        if not taken:
            raise Rebuilding("another process is putting Redis in order", 2)
        self._prolonging = asyncio.create_task(self._prolong())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._prolonging is not None:
            self._prolonging.cancel()
        try:
            for key in (*self._copies, self._key):
                if await self._client.get(key) == self._token:
                    await self._client.delete(key)
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
                for key in (self._key, *self._copies):
                    if await self._client.get(key) == self._token:
                        await self._client.pexpire(key, LOCK_MS)
            except (RedisError, OSError) as error:
                _log.debug("cannot prolong the lock of the rebuild: %s", error)


async def empty_shard(shard: Shard) -> None:
    """Remove what an attempt that was cut off has left in a shard. Its key buckets are written over anyway."""
    keys = shard.keys
    leftovers = (
        keys.generation,
        keys.config,
        keys.state,
        keys.deadlines,
        keys.tombstones,
        keys.writers,
        keys.replies,
        keys.heard,
        keys.blind,
        keys.walk,
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
        keys.parked,
        keys.pauses,
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
        keys.newcomers,
        keys.letters,
        keys.rules,
        keys.kept,
        keys.runs,
        keys.reminders,
    )
    await _fenced(shard).execute(("UNLINK", *leftovers))


async def close_shards(live: Live) -> None:
    """Take the generation away in all shards at once: nobody answers a ping in one of them while others are emptied."""
    await _deciding(live).execute(("DEL", *(shard.keys.generation for shard in live.shards)))


async def finish_rebuild(live: Live, heard_ms: int | None) -> None:
    """Set the generation: from here on scripts work. What came after `heard_ms` will count as blind.

    In all shards at once: if only some were open, the next rebuild would empty them again, with what others have
    answered in them meanwhile.
    """
    commands: list[tuple[Argument, ...]] = []
    for shard in live.shards:
        heard = [] if heard_ms is None else [("SET", shard.keys.heard, heard_ms)]
        commands += [*heard, ("SET", shard.keys.generation, live.generation.value)]
    await _deciding(live).execute(*commands)


def _deciding(live: Live) -> FencedCaller:
    """For what concerns all shards: the lock of the first one decides, and one server holds them all."""
    return _fenced(live.shards[0])


def _fenced(shard: Shard) -> FencedCaller:
    assert isinstance(shard.caller, FencedCaller), "this is for whoever holds the lock"
    return shard.caller
