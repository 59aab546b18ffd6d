"""Keeps the ticks and maintenance windows of monitors ahead in Redis, so that the ping path need read no cron rule."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from heapq import heappop, heappush
from math import inf
from pathlib import Path

import msgspec

from store.ahead import NEVER_S, Ahead, Calendar
from store.book import rule_changes
from store.book.history_snapshot import snapshot_of
from store.book.rules_ahead import Due, read_due
from store.clock import monotonic_ms
from store.errors import Invalid, OverdueError
from store.fault_points import reach
from store.live.live import Live
from store.live.refreshing import (
    AT_ONCE,
    Taken,
    kept_change,
    monitors_with_rules,
    note_kept_change,
    refresh_rules,
)
from store.metrics import RULES_AHEAD, RULES_REFRESHED
from store.monitor_rules import MonitorRules
from store.presence import wait_or_stop

EVERY_S = 1.0
CHANGES_AT_ONCE = 500
# Pings that are recorded by the same loop have a turn in between.
SLICE_MS = 2
# A change may meet a Redis that does not have the monitor's version yet, or one that loses its last moments.
AGAIN_S = 15
# The next version is on its way to Redis.
SOON_S = 1
# So long a change has been seen to again; who starts after that need not do so.
SETTLED_S = 2 * AGAIN_S
# Ticks worked out for one monitor serve others with the same schedule for so long.
CALENDAR_S = 30
COUNTED_AT_ONCE = 5000
_log = logging.getLogger(__name__)


class Keeper:
    """Knows of each monitor with ticks or windows when they have to be worked out anew."""

    def __init__(self, live: Live, path: Path) -> None:
        self._live = live
        self._path = path
        self._known_change: int | None = None
        self._changes: deque[tuple[int, int]] = deque()
        self._waiting: dict[int, bool] = {}
        self._kept: dict[int, Ahead] = {}
        self._due: list[tuple[int, int]] = []
        self._calendar = Calendar(0)

    async def step(self) -> int:
        """Do what is due; how many monitors that were.

        1. Read which monitors have changed since, or, at the start, all that have ticks or windows.
        2. Add those whose ticks or windows run short.
        3. Work them out and give them to Redis, some at a time; only then are they done.
        4. Note in Redis up to which change that holds, for the next keeper.

        Raises:
            Unavailable: Redis or config.db is away; what was not done is done by the next step.
        """
        await self._read_changes()
        now_ms, _ = await self._live.states([])
        self._mark(now_ms // 1000)
        while self._due and self._due[0][0] <= now_ms // 1000:
            due_s, monitor_id = heappop(self._due)
            kept = self._kept.get(monitor_id)
            if kept is not None and kept.due_s == due_s:  # or it was worked out meanwhile
                self._waiting.setdefault(monitor_id, False)
        done = 0
        while some := [one for one, _ in zip(self._waiting, range(AT_ONCE), strict=False)]:
            await self._refresh(some)
            done += len(some)
        await self._note_settled(now_ms // 1000)
        await self._show(now_ms // 1000)
        return done

    async def _read_changes(self) -> None:
        if self._known_change is None:
            # Whatever was changed while nobody kept them: a window that was deleted is on in Redis still.
            known = await kept_change(self._live)
            newest = await rule_changes.last_id(self._path)
            await self._await_all()
            self._known_change = known if known <= newest else 0
            if not self._known_change:
                await self._await_those_in_redis()
        seen: set[tuple[int, int | None, str | None]] = set()
        while (changes := await rule_changes.since(self._path, self._known_change, CHANGES_AT_ONCE)) != []:
            if changes is None:
                _log.info("too many changes at once: working out the ticks and windows of all monitors")
                self._waiting.update(dict.fromkeys(self._kept, True))
                await self._await_those_in_redis()
                await self._await_all()
                self._known_change = await rule_changes.forgotten_id(self._path)
                continue
            for change in changes:
                whose = (change.org_id, change.monitor_id, change.tag)
                if whose not in seen:
                    async for ids in rule_changes.monitors_meant(self._path, change):
                        self._waiting.update(dict.fromkeys(ids, True))
                seen.add(whose)
                self._known_change = change.id

    async def _await_those_in_redis(self) -> None:
        """What the books may have forgotten: a window that is deleted, of which the journal has nothing any more."""
        async for ids in monitors_with_rules(self._live):
            self._waiting.update(dict.fromkeys(ids, True))

    async def _await_all(self) -> None:
        async for ids in rule_changes.all_with_rules_ahead(self._path):
            for monitor_id in ids:
                self._waiting.setdefault(monitor_id, False)

    def _mark(self, now_s: int) -> None:
        known = self._known_change or 0
        if not self._changes or self._changes[-1][1] != known:
            self._changes.append((now_s, known))

    async def _note_settled(self, now_s: int) -> None:
        settled = 0
        while self._changes and self._changes[0][0] + SETTLED_S <= now_s:
            settled = self._changes.popleft()[1]
        if settled:
            await note_kept_change(self._live, settled)

    async def _refresh(self, monitor_ids: Collection[int]) -> None:
        async with snapshot_of(self._path) as snapshot:
            found = await read_due(snapshot, monitor_ids)
        now_ms, states = await self._live.states([one.id for one in found])
        bases_ms = {one.id: state.base_ms for one, state in zip(found, states, strict=True) if state}
        aheads = await self._work_out(found, bases_ms, now_ms // 1000)
        taken: dict[int, Taken] = {}
        for shard in self._live.shards:
            own = [
                (one.id, one.version, ahead.rules or MonitorRules())
                for one, ahead in aheads
                if self._live.home(one.id) is shard
            ]
            fates = await refresh_rules(shard, own)
            taken |= {monitor_id: fate for (monitor_id, *_), fate in zip(own, fates, strict=True)}
        if any(fate is Taken.TAKEN for fate in taken.values()):
            reach("keeper.refreshed")
        RULES_REFRESHED.inc(sum(fate is Taken.TAKEN for fate in taken.values()))
        for one, ahead in aheads:
            self._note(one.id, ahead, taken[one.id], now_ms // 1000)
        self._forget(set(monitor_ids) - {one.id for one, _ in aheads})

    async def _work_out(
        self, found: Sequence[Due], bases_ms: dict[int, int], now_s: int
    ) -> list[tuple[Due, Ahead]]:
        calendar = self._calendar_at(now_s)
        aheads: list[tuple[Due, Ahead]] = []
        turn_ms = monotonic_ms()
        for one in found:
            base_ms = bases_ms.get(one.id)
            try:
                ahead = calendar.ahead(one.wishes, one.windows, None if base_ms is None else base_ms // 1000)
                aheads.append((one, ahead))
            except Invalid as error:
                _log.error("the schedule of monitor %d cannot be used: %s", one.id, error)
            if monotonic_ms() - turn_ms >= SLICE_MS:
                await asyncio.sleep(0)
                turn_ms = monotonic_ms()
        return aheads

    def _calendar_at(self, now_s: int) -> Calendar:
        if not 0 <= now_s - self._calendar.now_s < CALENDAR_S:
            self._calendar = Calendar(now_s)
        return self._calendar

    def _note(self, monitor_id: int, ahead: Ahead, taken: Taken, now_s: int) -> None:
        has_changed = self._waiting.pop(monitor_id, False)
        if ahead.horizon_s == NEVER_S and not has_changed and taken is Taken.TAKEN:
            self._kept.pop(monitor_id, None)
            return
        due_s = max(ahead.due_s, now_s + 1)
        if taken is Taken.OTHER_VERSION:
            due_s = now_s + SOON_S
        elif has_changed or taken is Taken.GONE:
            due_s = min(ahead.due_s, now_s + AGAIN_S)
        self._kept[monitor_id] = msgspec.structs.replace(ahead, rules=None, due_s=due_s)
        heappush(self._due, (due_s, monitor_id))

    def _forget(self, gone: Iterable[int]) -> None:
        for monitor_id in gone:
            self._waiting.pop(monitor_id, None)
            self._kept.pop(monitor_id, None)

    async def _show(self, now_s: int) -> None:
        """Tell Prometheus how far ahead the nearest end is."""
        horizons = [one.horizon_s for one in self._kept.values()]
        nearest_s = NEVER_S
        for at in range(0, len(horizons), COUNTED_AT_ONCE):
            nearest_s = min(nearest_s, *horizons[at : at + COUNTED_AT_ONCE])
            await asyncio.sleep(0)
        RULES_AHEAD.set(inf if nearest_s == NEVER_S else nearest_s - now_s)


async def keep_ahead_until(keeper: Keeper, stop: asyncio.Event) -> None:
    """Look every second until stopped; what cannot be done now is done later."""
    complaint = ""
    while not stop.is_set():
        try:
            await keeper.step()
            complaint = ""
        except OverdueError as error:
            if str(error) != complaint:
                _log.warning("cannot keep schedules and maintenance windows ahead: %s", error)
            complaint = str(error)
        await wait_or_stop(stop, EVERY_S)
