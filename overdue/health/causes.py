"""Redis knows why a monitor is down as the history has it, or its end would be told as that of something else."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from store.book.history_reader import HistoryReader, OpenIncident
from store.live.event_types import CAUSES
from store.live.inspecting import inspect
from store.live.mending import mend_causes

PAGE = 500
OTHERWISE = "are down in Redis for another reason than in the history"


class Causes:
    """The open incidents of monitors that are down. Which of them are forgotten, the recorder sees for itself."""

    what = "causes"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._history = HistoryReader(desk.letters.path)
        self._count = 0

    async def look(self) -> Problems:
        opened = await self._history.open_incidents()
        self._count = len(opened)
        return await self._compare(opened)

    async def look_again(self, at: Collection[Subject]) -> Problems:
        opened = await self._history.open_incidents()
        return await self._compare({one.number: opened[one.number] for one in at if one.number in opened})

    async def repair(self, found: Problems) -> None:
        opened = await self._history.open_incidents()
        for one in found:
            incident = opened.get(one.number)
            if incident is not None:
                cause = (one.number, incident.silence_ms, CAUSES[incident.kind])
                await mend_causes(self._desk.home(one.number), [cause])

    def praise(self) -> str:
        return f"{self._count:,} incidents are open, for the reasons that the history has"

    def spell(self, subject: Subject) -> str:
        return f"monitor {subject.number}"

    async def _compare(self, opened: Mapping[int, OpenIncident]) -> Problems:
        problems: Problems = {}
        for shard in self._desk.live.shards:
            own = [one for one in opened if self._desk.home(one) is shard]
            for first in range(0, len(own), PAGE):
                ids = own[first : first + PAGE]
                for monitor_id, one in zip(ids, await inspect(shard, ids), strict=True):
                    incident = opened[monitor_id]
                    is_it = one.status == "down" and one.base_ms == incident.silence_ms
                    if is_it and one.cause != CAUSES[incident.kind]:
                        problems[Subject(monitor_id)] = OTHERWISE
        return problems
