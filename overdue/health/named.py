"""Redis knows which channels each monitor names, as the book has it: whom else a monitor tells, is told wrongly."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from overdue.health.orphans import drop
from store.book import monitor_channels, monitors, owners
from store.clock import wall_ms
from store.live.inspecting import named_by, naming

PAGE = 500
WRONG = "name other channels in Redis than in the book: some are told wrongly, or not"


class Named:
    """The channels that monitors name. Ids of channels that are gone mean nothing, wherever they are left."""

    what = "named"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0

    async def look(self) -> Problems:
        problems: Problems = {}
        self._count = after_id = 0
        while page := await monitor_channels.all_named(self._desk.book, after_id, PAGE):
            problems |= await self._compare([monitor_id for monitor_id, _ in page])
            self._count, after_id = self._count + len(page), page[-1][0]
        for shard in self._desk.live.shards:
            async for ids in naming(self._desk.live, shard):
                problems |= await self._compare(ids)
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        pending = await owners.waiting_subjects(self._desk.book)
        if pending.have_channels():
            return {}
        return await self._compare([one.number for one in at if not pending.have_monitor(one.number)])

    async def repair(self, found: Problems) -> None:
        for one in found:
            change = await monitors.put_again(self._desk.book, one.number, wall_ms())
            await self._desk.carry(change)
            if change is None:
                await drop(self._desk, one.number, ())

    def praise(self) -> str:
        return f"{self._count:,} monitors name channels, and Redis knows which"

    def spell(self, subject: Subject) -> str:
        return f"monitor {subject.number}"

    async def _compare(self, monitor_ids: Sequence[int]) -> Problems:
        known = await owners.all_channels(self._desk.book)
        wanted = await monitor_channels.named_among(self._desk.book, monitor_ids)
        problems: Problems = {}
        for shard in self._desk.live.shards:
            own = [one for one in monitor_ids if self._desk.home(one) is shard]
            named = await named_by(self._desk.live, shard, own)
            problems |= {
                Subject(one): WRONG
                for one, ids in zip(own, named, strict=True)
                if ids & known != wanted.get(one, set())
            }
        return problems
