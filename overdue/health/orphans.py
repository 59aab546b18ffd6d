"""Redis holds nothing of monitors, keys, organisations and channels that the book does not have."""

from __future__ import annotations

from collections.abc import Collection

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from store.book import monitors, owners
from store.clock import wall_ms
from store.live.inspecting import buckets, ids_in, inspect, strange_names, tombstone, unmark
from store.live.inspecting import owners as owners_in_redis
from store.live.monitors import drop_monitor
from store.live.packing import read_config
from store.projection import DropMonitor

LEFT = "are in Redis and not in the book: they would raise alarms that nobody asked for"
WRONG_KEY = "ping keys in Redis are nobody's, or somebody else's"


class OrphanMonitors:
    """Monitors in Redis, held against the book."""

    what = "orphans"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self) -> Problems:
        problems: Problems = {}
        for shard in self._desk.live.shards:
            async for ids in ids_in(self._desk.live, shard):
                problems |= await self._absent(ids)
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        pending = await owners.waiting_subjects(self._desk.book)
        left: set[int] = set()
        for one in at:
            (now,) = await inspect(self._desk.home(one.number), [one.number])
            is_there = now.config is not None or now.status is not None or now.stored_ms is not None
            if is_there and not pending.have_monitor(one.number):
                left.add(one.number)
        return await self._absent(left)

    async def repair(self, found: Problems) -> None:
        for one in found:
            await drop(self._desk, one.number, ())

    def praise(self) -> str:
        return "Redis watches nobody that the book does not have"

    def spell(self, subject: Subject) -> str:
        return str(subject.number)

    async def _absent(self, ids: Collection[int]) -> Problems:
        return {Subject(one): LEFT for one in await owners.absent(self._desk.book, ids)} if ids else {}


class OrphanKeys:
    """Ping keys in Redis, held against the book. A subject is the monitor that a key leads to, and its digest."""

    what = "ping keys"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0

    async def look(self) -> Problems:
        problems: Problems = {}
        for shard in self._desk.live.shards:
            async for page in buckets(self._desk.live, shard):
                self._count += len(page)
                problems |= await self._wrong(page)
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        pending = await owners.waiting_subjects(self._desk.book)
        still: dict[bytes, int] = {}
        for one in at:
            digest = bytes.fromhex(one.name)
            for shard in self._desk.live.shards:
                (owner,) = await owners_in_redis(self._desk.live, shard, [digest])
                if owner == one.number and not pending.have_monitor(owner):
                    still[digest] = owner
        return await self._wrong(still)

    async def repair(self, found: Problems) -> None:
        for one in found:
            digest = bytes.fromhex(one.name)
            change = await monitors.put_again(self._desk.book, one.number, wall_ms(), gone=(digest,))
            await self._desk.carry(change)
            if change is None:
                await drop(self._desk, one.number, (digest,))
            for owner in (await owners.owners_of(self._desk.book, [digest])).values():
                await self._desk.carry(await monitors.put_again(self._desk.book, owner, wall_ms()))

    def praise(self) -> str:
        return f"{self._count:,} in Redis, each one its monitor's"

    def spell(self, subject: Subject) -> str:
        return f"the one with the digest {subject.name}, which leads to monitor {subject.number}"

    async def _wrong(self, page: dict[bytes, int]) -> Problems:
        right = await owners.owners_of(self._desk.book, page) if page else {}
        return {
            Subject(owner, digest.hex()): WRONG_KEY
            for digest, owner in page.items()
            if right.get(digest) != owner
        }


class StrangeNames:
    """Keys in Redis that begin like ours and that no version of ours writes. They are shown, and left alone."""

    what = "key names"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self) -> Problems:
        return {
            Subject(0, name): "begin like ours and are not ours; look at them, and remove them by hand"
            for name in await strange_names(self._desk.live)
        }

    async def look_again(self, at: Collection[Subject]) -> Problems:
        return await self.look()

    async def repair(self, found: Problems) -> None:
        """Nobody knows whose they are."""

    def praise(self) -> str:
        return "Redis holds no key that is not in the list of docs/keyspace.md"

    def spell(self, subject: Subject) -> str:
        return subject.name


async def drop(desk: Desk, monitor_id: int, digests: tuple[bytes, ...]) -> None:
    """Make Redis forget a monitor that the book does not have: by a deletion that is later than all it knows."""
    shard = desk.home(monitor_id)
    (now,) = await inspect(shard, [monitor_id])
    config = read_config(now.config) if now.config else None
    version = max(config.version if config else 0, await tombstone(desk.live, shard, monitor_id)) + 1
    await drop_monitor(shard, DropMonitor(monitor_id, version, digests))
    await unmark(desk.live, shard, monitor_id)
