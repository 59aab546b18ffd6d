"""What waits to be told, and what was given up, is in the log of deliveries in history.db too."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from store.live.inspecting import kept_deliveries, known_deliveries, log_is_read
from store.live.mending import log_again
from store.live.shard import Shard

AT_ONCE = 100
LOOKS, LOOK_EVERY_S = 40, 0.05
UNLOGGED = (
    "wait, or were given up, in Redis and not by the log: an empty Redis would be filled again without them"
)


class DeliveryLog:
    """Deliveries and dead letters in Redis, held against the log. A subject is a shard and a delivery's id.

    They are compared only at a moment when the recorder has read the log in Redis to its end. The other way round the
    recorder itself compares: what Redis has lost it drops, because a Redis that has lost it notices it again.
    """

    what = "delivery log"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0
        self._behind = False

    async def look(self) -> Problems:
        problems: Problems = {}
        self._count, self._behind = 0, False
        for shard in self._desk.live.shards:
            async for ids in kept_deliveries(self._desk.live, shard):
                self._count += len(ids)
                problems |= await self._unlogged(shard, ids)
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        problems: Problems = {}
        for shard in self._desk.live.shards:
            own = _of(shard, at)
            for first in range(0, len(own), AT_ONCE):
                there = await known_deliveries(self._desk.live, shard, own[first : first + AT_ONCE])
                problems |= await self._unlogged(shard, there)
        return problems

    async def repair(self, found: Problems) -> None:
        for shard in self._desk.live.shards:
            own = _of(shard, found)
            for first in range(0, len(own), AT_ONCE):
                await log_again(shard, own[first : first + AT_ONCE])

    def praise(self) -> str:
        if self._behind:
            return "the recorder has not read it to its end; nothing was compared"
        return f"{self._count:,} wait or were given up, and it has them all"

    def spell(self, subject: Subject) -> str:
        return subject.name

    async def _unlogged(self, shard: Shard, ids: Sequence[str]) -> Problems:
        """Those that Redis has, and goes on having once it is known that the log does not call them open."""
        if not ids or not await self._is_read(shard):
            return {}
        logged = {one.live_id for one in await self._desk.letters.open_among(shard.keys.shard, ids)}
        left = [one for one in ids if one not in logged]
        there = await known_deliveries(self._desk.live, shard, left) if left else []
        return {Subject(shard.keys.shard, one): UNLOGGED for one in there}

    async def _is_read(self, shard: Shard) -> bool:
        """Whether everything that happened up to now is in history.db; that is waited for, once, for a while."""
        for _ in range(LOOKS):
            if await log_is_read(self._desk.live, shard):
                return True
            if self._behind:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        self._behind = True
        return False


def _of(shard: Shard, subjects: Collection[Subject]) -> list[str]:
    return [one.name for one in subjects if one.number == shard.keys.shard]
