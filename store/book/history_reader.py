"""What was true, read from history.db: pings and incidents of one monitor, newest first. It never writes.

The file belongs to the recorder. It may not exist yet, and the recorder may move a damaged one aside, so each question
opens it anew: one question an API call, a fraction of a millisecond.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
import msgspec

from store.book.database import BUSY_TIMEOUT_S, Transaction, translated

HISTORY_DB = "history.db"

# The days that have a table.
DAY_TABLES = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name GLOB 'pings_[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'
"""

# The newest ping of a day; SQLite answers it from the end of the table.
NEWEST_ID = "SELECT coalesce(max(id), 0) AS id FROM {table}"

# A monitor's pings of one day, newest first.
PINGS = """
SELECT id, at_ms, outcome, method, host, query, content_type, user_agent, sender,
       coalesce(length(body), 0) > 0 AS has_body
FROM {table} WHERE monitor_id = ? AND id < ? ORDER BY id DESC LIMIT ?
"""

HAS_INCIDENTS = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'incidents'"

# A monitor's incidents, newest first; the id decides between two of one millisecond.
INCIDENTS = """
SELECT id, kind, started_ms, ended_ms FROM incidents
WHERE monitor_id = ? AND (started_ms, id) < (?, ?) ORDER BY started_ms DESC, id DESC LIMIT ?
"""

# When each monitor was seen last, on one day; for a rebuild, which may take its time.
LAST_SEEN = "SELECT monitor_id, max(at_ms) AS seen_ms FROM {table} GROUP BY monitor_id"

OPEN_INCIDENTS = "SELECT monitor_id, silence_ms, started_ms FROM incidents WHERE ended_ms IS NULL"

MAX_ID = 2**63 - 1


class PingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded ping, without its body."""

    id: int
    at_ms: int
    outcome: str
    method: str | None
    host: str | None
    query: str | None
    content_type: str | None
    user_agent: str | None
    sender: str | None
    has_body: bool


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One incident; `ended_ms` is None while it is open."""

    id: str
    kind: str
    started_ms: int
    ended_ms: int | None


class OpenIncident(msgspec.Struct, frozen=True):
    """The incident of a monitor that is down."""

    silence_ms: int
    started_ms: int


class HistoryReader:
    """Reads history.db at this path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def pings(self, monitor_id: int, limit: int, before_id: int | None = None) -> list[PingRow]:
        """The newest pings with an id below `before_id`.

        Ids grow over all days, but around midnight those of two days can interleave. So the days are walked by their
        newest id, and the walk ends when no day that is left can hold anything newer than what was found.
        """
        before_id = MAX_ID if before_id is None else before_id
        found: list[PingRow] = []
        async with self._snapshot() as snapshot:
            for newest_id, table in await _days(snapshot):
                if len(found) == limit and found[-1].id > newest_id:
                    break
                rows = await snapshot.rows(PINGS.format(table=table), (monitor_id, before_id, limit))
                found += map(_read_ping, rows)
                found = sorted(found, key=lambda ping: ping.id, reverse=True)[:limit]
        return found

    async def incidents(
        self, monitor_id: int, limit: int, before: tuple[int, str] | None = None
    ) -> list[IncidentRow]:
        """The newest incidents older than `before`, which is the start and the id of one."""
        started_ms, incident_id = before or (MAX_ID, "")
        async with self._snapshot() as snapshot:
            if not await snapshot.rows(HAS_INCIDENTS):
                return []
            rows = await snapshot.rows(INCIDENTS, (monitor_id, started_ms, incident_id, limit))
        return [_read_incident(row) for row in rows]

    async def last_seen(self) -> dict[int, int]:
        """Monitor id to the arrival of its last ping in ms, for all monitors that history knows."""
        seen: dict[int, int] = {}
        async with self._snapshot() as snapshot:
            for _, table in await _days(snapshot):
                for row in await snapshot.rows(LAST_SEEN.format(table=table)):
                    seen[row["monitor_id"]] = max(row["seen_ms"], seen.get(row["monitor_id"], 0))
        return seen

    async def open_incidents(self) -> dict[int, OpenIncident]:
        """Monitor id to its open incident."""
        async with self._snapshot() as snapshot:
            if not await snapshot.rows(HAS_INCIDENTS):
                return {}
            rows = await snapshot.rows(OPEN_INCIDENTS)
        return {row["monitor_id"]: OpenIncident(row["silence_ms"], row["started_ms"]) for row in rows}

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Transaction]:
        """One moment of the file; of an empty database, if there is no file yet."""
        address = f"{self._path.absolute().as_uri()}?mode=ro" if self._path.exists() else ":memory:"
        with translated():
            connection = await aiosqlite.connect(
                address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
        try:
            connection.row_factory = sqlite3.Row
            snapshot = Transaction(connection)
            await snapshot.execute("BEGIN")
            yield snapshot
        finally:
            await connection.close()


async def _days(snapshot: Transaction) -> list[tuple[int, str]]:
    """The days' tables with their newest ids, newest first."""
    days = []
    for row in await snapshot.rows(DAY_TABLES):
        newest = await snapshot.row(NEWEST_ID.format(table=row["name"]))
        days.append((newest["id"] if newest else 0, row["name"]))
    return sorted(days, reverse=True)


def _read_ping(row: sqlite3.Row) -> PingRow:
    return PingRow(
        id=row["id"],
        at_ms=row["at_ms"],
        outcome=row["outcome"],
        method=row["method"],
        host=row["host"],
        query=row["query"],
        content_type=row["content_type"],
        user_agent=row["user_agent"],
        sender=row["sender"],
        has_body=bool(row["has_body"]),
    )


def _read_incident(row: sqlite3.Row) -> IncidentRow:
    return IncidentRow(id=row["id"], kind=row["kind"], started_ms=row["started_ms"], ended_ms=row["ended_ms"])
