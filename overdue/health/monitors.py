"""Every monitor is in exactly one place, as the book asks for it, and with the deadline that it ought to have."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from overdue.health.rules import wrong_rules
from store.book import monitors, owners, rule_changes
from store.clock import wall_ms
from store.live.inspecting import Inspected, inspect, marked_broken, unmark
from store.live.inspecting import owners as owners_in_redis
from store.live.packing import pack_config
from store.live.refreshing import kept_change
from store.live.shard import Shard
from store.monitor import MonitorConfig
from store.monitor_rules import MonitorRules
from store.projection import PutMonitor

PAGE = 500


class Monitors:
    """The monitors of the book, held against Redis."""

    what = "monitors"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0
        self._names: dict[int, str] = {}

    async def look(self) -> Problems:
        problems: Problems = {}
        after_id = 0
        while rows := await monitors.all_for_redis(self._desk.book, after_id, PAGE, wall_ms()):
            problems |= await self._compare(rows)
            self._count, after_id = self._count + len(rows), rows[-1].config.id
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        pending = await owners.waiting_subjects(self._desk.book)
        rows = [
            row
            for one in at
            if not pending.have_monitor(one.number)
            for row in await monitors.all_for_redis(self._desk.book, one.number - 1, 1, wall_ms())
            if row.config.id == one.number
        ]
        return await self._compare(rows)

    async def repair(self, found: Problems) -> None:
        for one in found:
            await self._desk.carry(await monitors.put_again(self._desk.book, one.number, wall_ms()))
            await unmark(self._desk.live, self._desk.home(one.number), one.number)

    def praise(self) -> str:
        return f"{self._count:,} are watched as the book asks for, each in one place, with its due deadline"

    def spell(self, subject: Subject) -> str:
        return f"{subject.number} {self._names.get(subject.number, '')!r}"

    async def _compare(self, rows: Sequence[PutMonitor]) -> Problems:
        problems: Problems = {}
        for shard in self._desk.live.shards:
            own = [row for row in rows if self._desk.home(row.config.id) is shard]
            problems |= await self._compare_in(shard, own)
        return problems

    async def _compare_in(self, shard: Shard, rows: Sequence[PutMonitor]) -> Problems:
        ids = [row.config.id for row in rows]
        inspected = await inspect(shard, ids)
        broken = await marked_broken(self._desk.live, shard, ids)
        known = await owners_in_redis(self._desk.live, shard, [one for row in rows for one in row.digests])
        behind = iter(known)
        is_settled = await rule_changes.last_in(self._desk.book) == await kept_change(self._desk.live)
        problems: Problems = {}
        for row, one in zip(rows, inspected, strict=True):
            found = [next(behind) for _ in row.digests]
            problem = _wrong_with(row, one) or _wrong_keys(row, found)
            problem = problem or wrong_rules(row.config, one, wall_ms() // 1000, is_settled=is_settled)
            if not problem and row.config.id in broken:
                problem = "are marked as unreadable and can be read"
            if problem:
                problems[Subject(row.config.id)] = problem
                self._names[row.config.id] = row.config.name
        return problems


def _wrong_with(row: PutMonitor, one: Inspected) -> str:
    """What is wrong with a monitor, as the rest of a sentence; empty if nothing is."""
    if one.config is None or one.status is None:
        return "are not in Redis: nobody watches them"
    if one.status == "":
        return "have a state that cannot be read: nobody watches them"
    if one.config not in _packings(row.config):
        return "are configured otherwise in Redis than in the book"
    if (one.status == "paused") != row.config.paused:
        return "are paused in one place and watched in the other"
    return _wrong_deadline(one)


def _packings(config: MonitorConfig) -> set[bytes]:
    """What Redis may hold. Whether a maintenance window lies ahead just now is not the book's to say."""
    rules = config.rules or MonitorRules()
    return {
        pack_config(msgspec.structs.replace(config, rules=msgspec.structs.replace(rules, quiet=quiet)))
        for quiet in ((), ((0, 1),))
    }


def _wrong_deadline(one: Inspected) -> str:
    if one.status in {"down", "paused"}:
        return "await a deadline although they are down or paused" if one.stored_ms is not None else ""
    if one.stored_ms is None:
        return "are active and await no deadline: their silence would not be noticed"
    if one.stored_ms > one.deadline_ms:
        return "have a deadline that is too late"
    return "have a deadline that is too early" if one.stored_ms < one.least_ms else ""


def _wrong_keys(row: PutMonitor, found: Sequence[int | None]) -> str:
    if any(one is None for one in found):
        return "have a ping key that Redis does not know: pings to it are answered 404"
    if any(one != row.config.id for one in found):
        return "have a ping key that leads to another monitor in Redis"
    return ""
