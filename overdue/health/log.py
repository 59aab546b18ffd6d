"""What waits to be told, and what was given up, is the same in Redis and in the log of deliveries in history.db."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from store.live.dead_letters import find_lost
from store.live.inspecting import kept_deliveries, known_deliveries, log_is_read
from store.live.mending import log_again
from store.live.restoring import restore_deliveries
from store.live.shard import Shard
from store.rebuild_letters import restored

PAGE = 100
LOOKS, LOOK_EVERY_S = 40, 0.05
LOST = "wait, or were given up, by the log and are not in Redis: nobody would be told"
UNLOGGED = (
    "wait, or were given up, in Redis and not by the log: an empty Redis would be filled again without them"
)


class DeliveryLog:
    """Deliveries and dead letters by both. A subject is a shard and a delivery's id.

    They are held against each other only at a moment when the recorder has read the log in Redis to its end.
    """

    what = "delivery log"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0
        self._behind = False

    async def look(self) -> Problems:
        problems: Problems = {}
        self._count, self._behind = 0, False
        async for page in self._desk.letters.open_deliveries():
            for shard in self._desk.live.shards:
                own = [one.live_id for one in page if one.shard == shard.keys.shard]
                self._count += len(own)
                problems |= await self._lost(shard, own)
        for shard in self._desk.live.shards:
            async for ids in kept_deliveries(self._desk.live, shard):
                problems |= await self._unlogged(shard, ids)
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        problems: Problems = {}
        for shard in self._desk.live.shards:
            own = [one.name for one in at if one.number == shard.keys.shard]
            for first in range(0, len(own), PAGE):
                ids = own[first : first + PAGE]
                still_open = await self._desk.letters.open_among(shard.keys.shard, ids)
                problems |= await self._lost(shard, [one.live_id for one in still_open])
                problems |= await self._unlogged(shard, await known_deliveries(self._desk.live, shard, ids))
        return problems

    async def repair(self, found: Problems) -> None:
        for shard in self._desk.live.shards:
            lost, unlogged = (
                [
                    one.name
                    for one, said in found.items()
                    if one.number == shard.keys.shard and said == problem
                ]
                for problem in (LOST, UNLOGGED)
            )
            for first in range(0, len(lost), PAGE):
                rows = await self._desk.letters.open_among(shard.keys.shard, lost[first : first + PAGE])
                await restore_deliveries(shard, [restored(one) for one in rows])
            for first in range(0, len(unlogged), PAGE):
                await log_again(shard, unlogged[first : first + PAGE])

    def praise(self) -> str:
        if self._behind:
            return "the recorder has not read it to its end; nothing was compared"
        return f"{self._count:,} are not settled or were given up, and Redis has the same"

    def spell(self, subject: Subject) -> str:
        return subject.name

    async def _lost(self, shard: Shard, ids: Sequence[str]) -> Problems:
        """Those that the log calls open, and goes on calling so once it is known that Redis does not have them."""
        if not ids or not await self._is_read(shard):
            return {}
        gone = await find_lost(shard, ids)
        open_still = await self._desk.letters.open_among(shard.keys.shard, gone) if gone else []
        return {Subject(shard.keys.shard, one.live_id): LOST for one in open_still}

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
