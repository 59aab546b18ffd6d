"""Looks ping keys up that ingest does not know: the misses of a moment together, one call under way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ingest.keyring import Keyring, KnownKey, known_key
from ingest.waiting import Waiting
from store.clock import monotonic_ms
from store.errors import Unavailable
from store.live.monitors import resolve
from store.live.shard import Shard
from store.metrics import KEY_CACHE_MISSES
from store.projection import key_digest

MOST_AT_ONCE = 256
MOST_WAITING = 8_192


class Resolver:
    """Pings whose key has to be looked up, in order of arrival.

    Args:
        found: called with the pings of one look-up whose monitors were found, in order of arrival.
        refuse: called with a ping that cannot be looked up now.
        unknown: called with a ping whose key nobody has.
        overflow: called with a ping that is one too many; by default the same as `refuse`.
        most_waiting: how many may wait.
        pause_s: waited before whatever has come is looked up, so that what comes meanwhile is looked up together.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        keyring: Keyring,
        found: Callable[[list[Waiting]], None],
        refuse: Callable[[Waiting], None],
        unknown: Callable[[Waiting], None],
        *,
        overflow: Callable[[Waiting], None] | None = None,
        most_waiting: int = MOST_WAITING,
        pause_s: float = 0.0,
    ) -> None:
        self._shards = shards
        self._keyring = keyring
        self._found = found
        self._refuse = refuse
        self._unknown = unknown
        self._overflow = overflow or refuse
        self._most_waiting = most_waiting
        self._pause_s = pause_s
        self._waiting: list[Waiting] = []
        self._under_way: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None

    def oldest_ms(self) -> int | None:
        """The earliest arrival among the pings that wait for their key; the watermark must not pass it."""
        if not self._waiting and not self._under_way:
            return None
        return min(ping.arrival_ms for pings in (self._waiting, self._under_way) for ping in pings)

    def add(self, ping: Waiting) -> None:
        """Look this ping's key up, soon and together with others."""
        if len(self._waiting) >= self._most_waiting:
            self._overflow(ping)
            return
        self._waiting.append(ping)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            for _ in range(0, len(self._waiting), MOST_AT_ONCE):
                await self._step()

    async def _step(self) -> None:
        """Look up those that have waited longest."""
        self._under_way = self._waiting[:MOST_AT_ONCE]
        del self._waiting[:MOST_AT_ONCE]
        try:
            await self._look_up(self._under_way)
        except BaseException as error:
            # Those that came meanwhile have waited as long as the call took; nobody waits for a second one.
            # (Whoever is answered may send the next ping at once: that one is not among these.)
            pings, self._waiting = [*self._under_way, *self._waiting], []
            for ping in pings:
                if not ping.looked_up:
                    self._refuse(ping)
            if not isinstance(error, Unavailable):
                raise
        finally:
            self._under_way = []

    async def _look_up(self, pings: list[Waiting]) -> None:
        keys = list(dict.fromkeys(ping.key for ping in pings))
        KEY_CACHE_MISSES.inc(len(keys))
        digests = [key_digest(key.encode()) for key in keys]
        known: dict[str, KnownKey] = {}
        for shard in self._shards:
            for key, resolved in zip(keys, await resolve(shard, digests), strict=True):
                if resolved is not None:
                    known[key] = known_key(resolved)
        self._sort_out(pings, known)

    def _sort_out(self, pings: list[Waiting], known: dict[str, KnownKey]) -> None:
        now_ms = monotonic_ms()
        found = []
        # From here to the batch nothing is awaited: a ping is always in one of the places the watermark asks.
        for ping in pings:
            ping.looked_up = True
            ping.known = known.get(ping.key)
            if ping.known is None:
                self._keyring.note_unknown(ping.key, now_ms)
                self._unknown(ping)
            else:
                self._keyring.learn(ping.key, ping.known)
                found.append(ping)
        self._found(found)
