"""The tallies say how many monitors have which status, and so many have it."""

from __future__ import annotations

from collections.abc import Collection

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from store.live.mending import STATUSES, correct_tally, count_statuses

WRONG = "counts by status are not those of the monitors: `overdue_monitors` is wrong"
Counts = dict[Subject, tuple[int, int]]


class Statuses:
    """The tallies, held against all states. A subject is a shard and a status.

    Counting many takes a while, in which some change. So a difference counts only if it is the same in both looks.
    """

    what = "statuses"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found: Counts = {}
        self._monitors = 0

    async def look(self) -> Problems:
        self._found = await self._count()
        return {one: WRONG for one, (counted, tallied) in self._found.items() if counted != tallied}

    async def look_again(self, at: Collection[Subject]) -> Problems:
        before, self._found = self._found, await self._count()
        return {one: WRONG for one in at if _difference(before[one]) == _difference(self._found[one]) != 0}

    async def repair(self, found: Problems) -> None:
        for one in found:
            shard = self._desk.live.shards[one.number]
            await correct_tally(self._desk.live, shard, one.name, _difference(self._found[one]))

    def praise(self) -> str:
        return f"{self._monitors:,} monitors, counted as they are"

    def spell(self, subject: Subject) -> str:
        counted, tallied = self._found[subject]
        return f"{tallied:,} instead of {counted:,} that are {subject.name} in shard {subject.number}"

    async def _count(self) -> Counts:
        counts: Counts = {}
        for shard in self._desk.live.shards:
            found = await count_statuses(shard)
            each = zip(STATUSES, zip(found.counted, found.tallied, strict=True), strict=True)
            counts |= {Subject(shard.keys.shard, status): both for status, both in each}
        self._monitors = sum(counted for counted, _ in counts.values())
        return counts


def _difference(both: tuple[int, int]) -> int:
    counted, tallied = both
    return counted - tallied
