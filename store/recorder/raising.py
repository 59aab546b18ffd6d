"""Carries what threshold rules have to tell from the outbox in history.db into the events in Redis, in order.

A message stays in the outbox for a while after it was raised: a Redis that crashes may come back without its last
moments, and then gets them again. Redis knows the last id that it has, so nothing is there twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from store.book.alert_writer import AlertWriter
from store.book.threads import in_thread
from store.clock import monotonic_ms
from store.fault_points import reach
from store.live.delivering import raise_events
from store.live.shard import Shard

AT_ONCE = 100
# Many times what a Redis that syncs its log every second can lose.
KEPT_MS = 10_000
LOOK_EVERY_MS = 1_000


class Raising:
    """The outbox of one shard. `lock` guards the writer."""

    def __init__(self, shard: Shard, writer: AlertWriter, lock: asyncio.Lock) -> None:
        self._shard = shard
        self._writer = writer
        self._lock = lock
        self._messages: deque[tuple[int, bytes]] | None = None
        self._raised_id = 0
        self._raised_at_ms: dict[int, int] = {}
        self._looked_ms = 0

    @property
    def waiting(self) -> int:
        """How many messages are not in Redis yet."""
        return sum(number > self._raised_id for number, _ in self._messages or ())

    def add(self, messages: Iterable[tuple[int, bytes]]) -> None:
        """Messages that were committed to the outbox."""
        if self._messages is not None:
            self._messages.extend(messages)

    async def step(self) -> None:
        """Raise what waits, and remove what has been in Redis for long enough.

        Raises:
            Unavailable: Redis or SQLite is away; the messages wait in the outbox.
        """
        if self._messages is None:
            async with self._lock:
                self._messages = deque(self._writer.waiting(self._shard.keys.shard))
        if not self._messages or (not self.waiting and monotonic_ms() - self._looked_ms < LOOK_EVERY_MS):
            return
        await self._raise(self._messages)
        await self._remove(self._messages)

    async def _raise(self, messages: deque[tuple[int, bytes]]) -> None:
        while True:
            batch = [one for one in messages if one[0] > self._raised_id][:AT_ONCE]
            if batch:
                reach("alerts.committed")
            raised_id = await raise_events(self._shard, self._raised_id, batch)
            if batch:
                reach("alerts.raised")
            lost = raised_id < self._raised_id
            self._raised_id, self._looked_ms = raised_id, monotonic_ms()
            if lost:
                self._raised_at_ms.clear()
            elif len(batch) < AT_ONCE:
                return

    async def _remove(self, messages: deque[tuple[int, bytes]]) -> None:
        now_ms = monotonic_ms()
        raised = [number for number, _ in messages if number <= self._raised_id]
        for number in raised:
            self._raised_at_ms.setdefault(number, now_ms)
        done_id = max((one for one in raised if now_ms - self._raised_at_ms[one] >= KEPT_MS), default=0)
        if not done_id:
            return
        async with self._lock:
            await in_thread(self._writer.remove, self._shard.keys.shard, done_id)
        while messages and messages[0][0] <= done_id:
            self._raised_at_ms.pop(messages.popleft()[0], None)
