"""Redis knows each organisation's channels and the limits of its plan as the book has them, and no others."""

from __future__ import annotations

import struct
from collections.abc import Collection

import msgspec

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from store.book import channels, orgs, outbox, owners, plans
from store.clock import wall_ms
from store.live.channels import pack_manners
from store.live.inspecting import fields
from store.live.shard import Shard
from store.projection import PutChannels, PutPlan


class Channels:
    """The channels of all organisations."""

    what = "channels"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._count = 0

    async def look(self) -> Problems:
        self._count = 0
        wanted = [
            await channels.put_channels(self._desk.book, org.id)
            for org in await orgs.all_orgs(self._desk.book)
        ]
        self._count = sum(len(one.channels) for one in wanted)
        problems: Problems = {}
        for shard in self._desk.live.shards:
            problems |= await self._compare(shard, wanted)
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        pending = await owners.waiting_subjects(self._desk.book)
        problems = await self.look()
        return {
            one: problems[one]
            for one in at
            if one in problems and f"channels:{one.number}" not in pending.names
        }

    async def repair(self, found: Problems) -> None:
        for one in found:
            await self._desk.carry(await channels.put_again(self._desk.book, one.number, wall_ms()))

    def praise(self) -> str:
        return f"{self._count:,} as the book has them"

    def spell(self, subject: Subject) -> str:
        return f"organisation {subject.number}"

    async def _compare(self, shard: Shard, wanted: list[PutChannels]) -> Problems:
        lists = await fields(self._desk.live, shard.keys.orgs)
        known = await fields(self._desk.live, shard.keys.channels)
        manners = await fields(self._desk.live, shard.keys.manners)
        return {
            Subject(
                one.org_id
            ): "have other channels in Redis than in the book: some are told wrongly, or not"
            for one in wanted
            if not _is_same(one, lists.get(one.org_id), known, manners)
        }


def _is_same(
    wanted: PutChannels, listed: bytes | None, known: dict[int, bytes], manners: dict[int, bytes]
) -> bool:
    if listed is None:
        return not wanted.channels
    version, *ids = struct.unpack(f"<{len(listed) // 4}I", listed)
    return (
        version == wanted.version
        and ids == [one.id for one in wanted.channels]
        and all(known.get(one.id) == msgspec.msgpack.encode(one) for one in wanted.channels)
        and all(manners.get(one.id) == pack_manners(one) for one in wanted.channels)
    )


class Plans:
    """The limits of all organisations."""

    what = "plans"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self) -> Problems:
        problems: Problems = {}
        wanted = [
            await plans.put_plan(self._desk.book, org.id) for org in await orgs.all_orgs(self._desk.book)
        ]
        for shard in self._desk.live.shards:
            known = await fields(self._desk.live, shard.keys.plans)
            problems |= {
                Subject(one.org_id): "have other limits in Redis than in the book"
                for one in wanted
                if not _is_limited_so(one, known.get(one.org_id))
            }
        return problems

    async def look_again(self, at: Collection[Subject]) -> Problems:
        pending = await owners.waiting_subjects(self._desk.book)
        problems = await self.look()
        return {
            one: problems[one] for one in at if one in problems and f"plan:{one.number}" not in pending.names
        }

    async def repair(self, found: Problems) -> None:
        for one in found:
            await plans.put_again(self._desk.book, one.number, wall_ms())
        for change in await outbox.pending(self._desk.book, len(found) + 1000):
            if isinstance(change.projection, PutPlan):
                await self._desk.carry(change)

    def praise(self) -> str:
        return "each organisation is limited as the book says"

    def spell(self, subject: Subject) -> str:
        return f"organisation {subject.number}"


def _is_limited_so(wanted: PutPlan, known: bytes | None) -> bool:
    """Whom Redis knows nothing of has no limits."""
    limits = (wanted.min_interval_s, wanted.pings_per_minute)
    if known is None:
        return limits == (0, 0)
    return known == struct.pack("<III", wanted.version, *limits)
