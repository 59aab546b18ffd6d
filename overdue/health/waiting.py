"""What waits is on its way: every delivery has its turn, and no backlog grows without end."""

from __future__ import annotations

from collections.abc import Collection

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from overdue.health.finding import Finding, Verdict
from store.book import owners
from store.clock import wall_ms
from store.live.inspecting import Waiting, make_due, waiting
from store.live.writer import HISTORY_CAP_BYTES

# A change that waits for longer than this was refused again and again.
CHANGE_WAITS_MS = 30_000
DUE_WAITS_MS = 60_000
FULL = 0.5


class Deliveries:
    """Deliveries stand in lines, and the first of each line has the moment of its next attempt."""

    what = "deliveries"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0

    async def look(self) -> Problems:
        problems: Problems = {}
        self._count = 0
        for shard in self._desk.live.shards:
            now = await waiting(self._desk.live, shard)
            self._count += len(now.deliveries)
            problems |= {
                Subject(shard.keys.shard, name): problem for name, problem in _wrong_with(now).items()
            }
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        now = await self.look()
        return {one: now[one] for one in at if one in now}

    async def repair(self, found: Problems) -> None:
        for one in found:
            await make_due(self._desk.live, self._desk.live.shards[one.number], one.name, wall_ms())

    def praise(self) -> str:
        return f"{self._count:,} wait, each for its turn" if self._count else "none waits"

    def spell(self, subject: Subject) -> str:
        return subject.name


def _wrong_with(now: Waiting) -> dict[str, str]:
    in_line = {name for line in now.lines for name in line}
    heads = {line[0] for line in now.lines if line}
    never = "wait and have no moment of their next attempt: nobody would be told"
    lost = {name: never for name in now.deliveries if name not in in_line and name not in now.due}
    return lost | {name: never for name in heads if name not in now.due and name in now.deliveries}


async def backlogs(desk: Desk) -> Finding:
    """One finding about everything that waits to be worked off."""
    tallies = await desk.live.tallies()
    changes, since_ms = await owners.waiting_changes(desk.book)
    waits_ms = wall_ms() - since_ms if changes else 0
    if waits_ms > CHANGE_WAITS_MS:
        sentence = f"{changes:,} changes of configuration wait for Redis, the oldest for {waits_ms // 1000} s"
        return Finding(Verdict.BAD, "backlogs", f"{sentence}; the log of ingest says why", wrong=changes)
    late = await _overdue(desk)
    if late:
        sentence = f"{late:,} deliveries are due for more than {DUE_WAITS_MS // 1000} s"
        why = "their receivers are too slow for them, or the sweeper does not run"
        return Finding(Verdict.WARNING, "backlogs", f"{sentence}: {why}", wrong=late)
    history = max(0, tallies.history_appended - tallies.history_trimmed)
    if history > FULL * HISTORY_CAP_BYTES * len(desk.live.shards):
        sentence = f"{history / 1e6:.0f} MB of history wait for the recorder; over its cap history is dropped"
        return Finding(Verdict.WARNING, "backlogs", sentence)
    sentence = (
        f"{tallies.pings_backlog:,} batches of pings, {tallies.events_backlog:,} events, "
        f"{tallies.letters_backlog:,} entries of the delivery log and {changes:,} changes wait"
    )
    return Finding(Verdict.GOOD, "backlogs", sentence)


async def _overdue(desk: Desk) -> int:
    """How many deliveries were due long ago: a channel gets a few at a time."""
    count = 0
    for shard in desk.live.shards:
        now = await waiting(desk.live, shard)
        count += sum(moment < wall_ms() - DUE_WAITS_MS for moment in now.due.values())
    return count
