"""Deliveries and their attempts, read from history.db: for people, newest first, and for a rebuild. It never writes."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from store.book.database import SqlValue
from store.book.history_snapshot import snapshot_of, tables

_Row = TypeVar("_Row", bound=msgspec.Struct)

MAX_NUMBER = 2**63 - 1
MOST_ATTEMPTS = 1000
PAGE = 200
OPEN_STATES = ("waiting", "retrying", "dead")

_DELIVERY = """
SELECT number, id, shard, events, live_id, monitor_id, channel_id, incident_id, type, created_ms, state, attempts,
       last_status, last_reason, next_ms, settled_ms
FROM deliveries
"""

# An organisation's deliveries, newest first; the filters that are asked for stand in the middle.
PAGE_OF_ORG = _DELIVERY + "WHERE org_id = ? AND number < ? {filters} ORDER BY number DESC LIMIT ?"

FIND = _DELIVERY + "WHERE org_id = ? AND id = ?"

# The newest, should somebody have tried a thousand times by hand.
ATTEMPTS = """
SELECT attempt, at_ms, outcome, status, reason, duration_ms FROM delivery_attempts
WHERE delivery = ? ORDER BY id DESC LIMIT ?
"""

OPEN = """
SELECT number, shard, live_id, tries, state, next_ms, settled_ms, event FROM deliveries
WHERE state IN ('waiting', 'retrying', 'dead') AND live_id IS NOT NULL AND number > ? ORDER BY number LIMIT ?
"""

# Those of these that are not settled, or dead letters; `live_id` finds them.
OPEN_AMONG = """
SELECT number, shard, live_id, tries, state, next_ms, settled_ms, event FROM deliveries
WHERE shard = ? AND live_id IN (SELECT value FROM json_each(?)) AND +state IN ('waiting', 'retrying', 'dead')
ORDER BY number
"""

UNTOLD = """
SELECT generation, shard, entry_ms, entry_seq, event FROM untold_events
WHERE (entry_ms, entry_seq, generation, shard) > (?, ?, ?, ?)
ORDER BY entry_ms, entry_seq, generation, shard LIMIT ?
"""


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one channel, and what became of it. `live_id` is None if Redis cannot know it any more."""

    number: int
    id: str
    shard: int
    events: int
    live_id: str | None
    monitor_id: int
    channel_id: int
    incident_id: str
    type: str
    created_ms: int
    state: str
    attempts: int
    last_status: int | None
    last_reason: str | None
    next_ms: int | None
    settled_ms: int | None


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that was made and settled; one that a crash cut off is made again under its number."""

    attempt: int
    at_ms: int
    outcome: str
    status: int | None
    reason: str
    duration_ms: int


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are asked for; no states means any."""

    states: tuple[str, ...] = ()
    channel_id: int | None = None
    monitor_id: int | None = None


class OpenDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was not settled, or is a dead letter."""

    number: int
    shard: int
    live_id: str
    tries: int
    state: str
    next_ms: int | None
    settled_ms: int | None
    event: bytes


class Untold(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not turned into deliveries, and its place in the stream of its generation."""

    generation: str
    shard: int
    entry_ms: int
    entry_seq: int
    event: bytes

    @property
    def place(self) -> str:
        return f"{self.generation}:{self.entry_ms}-{self.entry_seq}"


class LetterReader:
    """Reads history.db at this path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def page(
        self, org_id: int, limit: int, before: int | None = None, wanted: DeliveryFilter | None = None
    ) -> list[DeliveryRow]:
        """The newest deliveries of an organisation with a number below `before`.

        Each state has a question of its own: over several of them at once SQLite would walk through all the others.
        """
        wanted, before = wanted or DeliveryFilter(), MAX_NUMBER if before is None else before
        questions: list[tuple[str, Sequence[SqlValue]]] = []
        for state in wanted.states or (None,):
            filters, values = _filters(wanted, state)
            questions.append((PAGE_OF_ORG.format(filters=filters), (org_id, before, *values, limit)))
        found = await self._rows(questions, DeliveryRow)
        return sorted(found, key=lambda row: row.number, reverse=True)[:limit]

    async def find(self, org_id: int, public_id: str) -> DeliveryRow | None:
        """A delivery of this organisation; None: there is none, or it is somebody else's."""
        return next(iter(await self._rows([(FIND, (org_id, public_id))], DeliveryRow)), None)

    async def attempts(self, number: int) -> list[AttemptRow]:
        """The attempts of a delivery, oldest first."""
        return (await self._rows([(ATTEMPTS, (number, MOST_ATTEMPTS))], AttemptRow))[::-1]

    async def open_deliveries(self) -> AsyncIterator[list[OpenDelivery]]:
        """What was not settled, and dead letters, in the order in which they were made; in pages of one snapshot."""
        after = 0
        async with snapshot_of(self.path) as snapshot:
            if await tables(snapshot, "deliveries"):
                while rows := await snapshot.rows(OPEN, (after, PAGE)):
                    yield [_read(row, OpenDelivery) for row in rows]
                    after = rows[-1]["number"]

    async def open_among(self, shard: int, live_ids: Sequence[str]) -> list[OpenDelivery]:
        """Those of these deliveries of a shard that were not settled, or are dead letters, in the same order."""
        asked = msgspec.json.encode(live_ids).decode()
        return await self._rows([(OPEN_AMONG, (shard, asked))], OpenDelivery)

    async def untold(self) -> AsyncIterator[list[Untold]]:
        """The events that nobody was told of, in order; in pages of one snapshot."""
        after: tuple[int, int, str, int] = (-1, 0, "", 0)
        async with snapshot_of(self.path) as snapshot:
            if await tables(snapshot, "untold_events"):
                while rows := await snapshot.rows(UNTOLD, (*after, PAGE)):
                    page = [_read(row, Untold) for row in rows]
                    yield page
                    last = page[-1]
                    after = (last.entry_ms, last.entry_seq, last.generation, last.shard)

    async def _rows(
        self, questions: Sequence[tuple[str, Sequence[SqlValue]]], kind: type[_Row]
    ) -> list[_Row]:
        """What is answered to all of these at one moment."""
        async with snapshot_of(self.path) as snapshot:
            if not await tables(snapshot, "deliveries"):
                return []
            return [_read(row, kind) for sql, values in questions for row in await snapshot.rows(sql, values)]


def _read(row: sqlite3.Row, kind: type[_Row]) -> _Row:
    return kind(**{name: row[name] for name in kind.__struct_fields__})


def _filters(wanted: DeliveryFilter, state: str | None) -> tuple[str, list[SqlValue]]:
    """The conditions in SQL, made of our own words, with their values.

    A `+` keeps SQLite from going by that column: the open states are the rarer ones, and the settled ones are not.
    """
    conditions, values = [], list[SqlValue]()
    by_state = state in OPEN_STATES
    for column, number in (("channel_id", wanted.channel_id), ("monitor_id", wanted.monitor_id)):
        if number is not None:
            conditions.append(f"AND {'+' if by_state else ''}{column} = ?")
            values.append(number)
    if state is not None:
        conditions.append(f"AND {'' if by_state or not conditions else '+'}state = ?")
        values.append(state)
    return " ".join(conditions), values
