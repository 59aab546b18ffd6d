"""Makes an organisation what a file says, by the routes of the API, in a transaction that whoever calls commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ingest.api.within import Within
from overdue.as_file.current import Thing, all_channels, all_monitors, all_rules
from overdue.as_file.matching import Match, match, match_rules
from overdue.as_file.putting import Putting
from overdue.as_file.reading import Fleet, Table
from overdue.as_file.references import References
from overdue.as_file.trying import Attempt, Trying
from store.errors import Invalid
from store.plans import Plan


class Applying:
    """One import. What the file asks for and cannot have is in `complaints`; then all of it is to be given up."""

    def __init__(self, within: Within, plan: Plan, attempt: Attempt, step: Callable[[int], None]) -> None:
        self._complaints: list[tuple[int, str]] = []
        self.putting = Putting(within, plan)
        self._trying = Trying(self.putting, attempt, self._complain)
        self._within = within
        self._step = step

    @property
    def complaints(self) -> list[str]:
        """In the order of the file."""
        return [sentence for _, sentence in sorted(self._complaints)]

    async def apply(self, fleet: Fleet, prune: bool) -> None:
        """Make the organisation what the file says. A kind of which the file says nothing is left alone.

        What is refused does not end it: whoever mends the file wants to know of all of it.

        1. Channels are made and changed, so that monitors can name them.
        2. Monitors that are pruned go before others are made, which may take their room in the plan.
        3. Monitors are made and changed, each with its rules.
        4. Channels that are pruned go last, when nobody names them any more.
        """
        self._complaints += fleet.complaints
        channels = await all_channels(self._within)
        matched = match(fleet.channels or (), channels, self._complain)
        for one in matched:
            await self._put(one)
        await self._stand_in(fleet.channels or ())
        self.putting.references = References(await all_channels(self._within))
        await self._apply_monitors(fleet.monitors, prune)
        if prune and fleet.channels is not None and not self.complaints:
            await self._prune(channels, matched)

    async def _apply_monitors(self, tables: Sequence[Table] | None, prune: bool) -> None:
        if tables is None:
            return
        monitors = await all_monitors(self._within)
        rules: dict[str, list[Thing]] = defaultdict(list)
        for rule in await all_rules(self._within):
            rules[rule.owner].append(rule)
        matched = match(tables, monitors, self._complain)
        if prune:
            await self._prune(monitors, matched)
        for one in matched:
            monitor = await self._put(one)
            if monitor is not None:
                await self._apply_rules(monitor, one.table.rules, rules[monitor.id], prune)

    async def _apply_rules(
        self, monitor: Thing, tables: Sequence[Table], there: Sequence[Thing], prune: bool
    ) -> None:
        wanted = [self._resolved(table) for table in tables]
        found = match_rules(wanted, there)
        if prune:
            for thing in there:
                if thing not in found:
                    await self.putting.delete(thing, monitor)
        for table, rule in zip(tables, found, strict=True):
            await self._put(Match(table, rule), monitor)

    def _resolved(self, table: Table) -> dict[str, Any]:
        """A rule with its channel, to find out which one it is; what is wrong with it is told when it is put."""
        try:
            return self.putting.references.to_ids(table.section, table.values)
        except Invalid:
            return dict(table.values)

    async def _put(self, one: Match, owner: Thing | None = None) -> Thing | None:
        self._step(1)
        return await self._trying.put(one, owner)

    async def _stand_in(self, tables: Sequence[Table]) -> None:
        """Channels that could not be made are there by their names all the same, for those who name them."""
        if self._complaints:
            there = {one.name for one in await all_channels(self._within)}
            for name in {table.name for table in tables} - there:
                await self._trying.stand_in(name)

    async def _prune(self, there: Sequence[Thing], matched: Sequence[Match]) -> None:
        kept = {one.thing.id for one in matched if one.thing is not None}
        for thing in there:
            if thing.id not in kept:
                await self.putting.delete(thing)

    def _complain(self, table: Table, field: str | None, sentence: str) -> None:
        where = table.at(field)
        self._complaints.append(
            (table.line_of(field), f"{where}: {field}: {sentence}" if field else f"{where}: {sentence}")
        )
