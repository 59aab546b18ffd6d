"""Redis holds nothing of organisations and channels that the book does not have."""

from __future__ import annotations

from collections.abc import Collection

from overdue.health.checking import Problems, Subject
from overdue.health.desk import Desk
from store.book import owners
from store.live.inspecting import fields
from store.live.mending import drop_strangers
from store.live.shard import Shard

LEFT = "are in Redis and not in the book: they may be told what is nobody's"
ORG, CHANNEL = "organisation", "channel"
AT_ONCE = 500


class Strangers:
    """Organisations and channels in Redis, held against the book. A subject is one of them by its number."""

    what = "strangers"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self) -> Problems:
        orgs, channels = set[int](), set[int]()
        for shard in self._desk.live.shards:
            orgs |= await self._numbers(shard.keys.orgs, shard.keys.plans, shard.keys.used)
            channels |= await self._numbers(
                shard.keys.channels, shard.keys.manners, shard.keys.disabled, shard.keys.failing
            )
        left = [(ORG, one) for one in orgs - await owners.all_orgs(self._desk.book)]
        left += [(CHANNEL, one) for one in channels - await owners.all_channels(self._desk.book)]
        return {Subject(number, kind): LEFT for kind, number in sorted(left)}

    async def look_again(self, at: Collection[Subject]) -> Problems:
        pending = await owners.waiting_subjects(self._desk.book)
        now = await self.look()
        return {
            one: now[one]
            for one in at
            if one in now and not (one.name == CHANNEL and pending.have_channels())
        }

    async def repair(self, found: Problems) -> None:
        orgs = [one.number for one in found if one.name == ORG]
        channels = [one.number for one in found if one.name == CHANNEL]
        for shard in self._desk.live.shards:
            await self._drop(shard, orgs, channels)

    def praise(self) -> str:
        return "Redis knows no organisation and no channel that the book does not have"

    def spell(self, subject: Subject) -> str:
        return f"{subject.name} {subject.number}"

    async def _numbers(self, *keys: str) -> set[int]:
        return {number for key in keys for number in await fields(self._desk.live, key)}

    async def _drop(self, shard: Shard, orgs: list[int], channels: list[int]) -> None:
        """Some at a time, as always in Redis."""
        for at in range(0, max(len(orgs), len(channels)), AT_ONCE):
            await drop_strangers(shard, orgs[at : at + AT_ONCE], channels[at : at + AT_ONCE])
