"""What was true, read from history.db: pings and incidents, newest first. It never writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from store.beat import Signal
from store.book.database import SqlValue, Transaction
from store.book.history_snapshot import snapshot_of, tables
from store.book.ping_questions import MAX_ID, PingFilter, question_about
from store.book.signals import is_life, signals_beside

HISTORY_DB = "history.db"

# The newest ping of a day; SQLite answers it from the end of the table.
NEWEST_ID = "SELECT coalesce(max(id), 0) AS id FROM {table}"

BODY = "SELECT body FROM {table} WHERE id = ? AND monitor_id = ? AND at_ms >= ?"

_INCIDENT = (
    "SELECT id, monitor_id, kind, started_ms, ended_ms, alert_id, metric_key, delayed_ms FROM incidents "
)

# A monitor's incidents, newest first; the id decides between two of one millisecond.
INCIDENTS = (
    _INCIDENT
    + """
WHERE monitor_id = ? AND (started_ms, id) < (?, ?) ORDER BY started_ms DESC, id DESC LIMIT ?
"""
)

# An organisation's incidents, in the same order; all of them, or the open (1) or the ended (0) ones.
INCIDENTS_OF_ORG = (
    _INCIDENT
    + """
WHERE org_id = ?1 AND (started_ms, id) < (?2, ?3) AND (?4 IS NULL OR (ended_ms IS NULL) = ?4)
ORDER BY started_ms DESC, id DESC LIMIT ?5
"""
)

# When each monitor was seen last, on one day; for a rebuild, which may take its time.
LAST_SEEN = "SELECT monitor_id, max(at_ms) AS seen_ms FROM {table} WHERE TRUE {is_life} GROUP BY monitor_id"

# Not those of metrics: they say nothing about whether a monitor is up.
OPEN_INCIDENTS = """
SELECT monitor_id, silence_ms, started_ms, coalesce(delayed_ms, 0) AS delayed_ms, kind
FROM incidents WHERE ended_ms IS NULL AND kind <> 'metric'
"""

# A day's table by its name.
DAY_TABLES = "pings_[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]"


class PingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded ping, without its body. `run`: the bytes of a UUID."""

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
    signal: Signal = Signal.SUCCESS
    run: bytes | None = None
    exit_code: int | None = None
    duration_ms: int | None = None


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One incident; `ended_ms` is None while it is open. Of a metric it names the rule (its public id) and the key.

    `delayed_ms` is how much later blind time made the missed deadline; None: not at all.
    """

    id: str
    monitor_id: int
    kind: str
    started_ms: int
    ended_ms: int | None
    alert_id: str | None = None
    metric_key: str | None = None
    delayed_ms: int | None = None


class OpenIncident(msgspec.Struct, frozen=True):
    """The incident of a monitor that is down."""

    silence_ms: int
    started_ms: int
    delayed_ms: int = 0
    kind: str = "silence"


class HistoryReader:
    """Reads history.db at this path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def pings(
        self, monitor_id: int, limit: int, before_id: int | None = None, wanted: PingFilter | None = None
    ) -> list[PingRow]:
        """The newest pings with an id below `before_id`.

        Ids grow over all days, but around midnight those of two days can interleave. So the days are walked by their
        newest id, and the walk ends when no day that is left can hold anything newer than what was found.
        """
        wanted = wanted or PingFilter()
        before_id = MAX_ID if before_id is None else before_id
        found: list[PingRow] = []
        async with snapshot_of(self.path) as snapshot:
            signals = await signals_beside(snapshot)
            for newest_id, table in await _days(snapshot):
                if len(found) == limit and found[-1].id > newest_id:
                    break
                question = await question_about(snapshot, table, signals.get(table), wanted.signals)
                if question is None:
                    continue
                values = (monitor_id, before_id, wanted.from_ms, wanted.until_ms, wanted.outcome, limit)
                found += map(_read_ping, await snapshot.rows(question, values))
                found = sorted(found, key=lambda ping: ping.id, reverse=True)[:limit]
        return found

    async def body(self, monitor_id: int, ping_id: int, since_ms: int = 0) -> bytes | None:
        """What was sent with a ping; None if that was nothing, or there is no such ping since then."""
        async with snapshot_of(self.path) as snapshot:
            for table in await tables(snapshot, DAY_TABLES):
                row = await snapshot.row(BODY.format(table=table), (ping_id, monitor_id, since_ms))
                if row is not None:
                    return bytes(row["body"]) if row["body"] else None
        return None

    async def incidents(
        self, monitor_id: int, limit: int, before: tuple[int, str] | None = None
    ) -> list[IncidentRow]:
        """The newest incidents of a monitor older than `before`, which is the start and the id of one."""
        return await self._incidents(INCIDENTS, (monitor_id, *(before or (MAX_ID, "")), limit))

    async def incidents_of_org(
        self, org_id: int, limit: int, before: tuple[int, str] | None = None, *, is_open: bool | None = None
    ) -> list[IncidentRow]:
        """The same of all monitors of an organisation; only the open or only the ended ones, if that is asked."""
        return await self._incidents(INCIDENTS_OF_ORG, (org_id, *(before or (MAX_ID, "")), is_open, limit))

    async def last_seen(self) -> dict[int, int]:
        """Monitor id to its last sign of life in ms, for all monitors that history knows."""
        seen: dict[int, int] = {}
        async with snapshot_of(self.path) as snapshot:
            signals = await signals_beside(snapshot)
            for _, table in await _days(snapshot):
                question = LAST_SEEN.format(table=table, is_life=is_life(signals.get(table)))
                for row in await snapshot.rows(question):
                    seen[row["monitor_id"]] = max(row["seen_ms"], seen.get(row["monitor_id"], 0))
        return seen

    async def open_incidents(self) -> dict[int, OpenIncident]:
        """Monitor id to its open incident."""
        async with snapshot_of(self.path) as snapshot:
            if not await tables(snapshot, "incidents"):
                return {}
            rows = await snapshot.rows(OPEN_INCIDENTS)
        return {
            row["monitor_id"]: OpenIncident(
                row["silence_ms"], row["started_ms"], row["delayed_ms"], row["kind"]
            )
            for row in rows
        }

    async def _incidents(self, sql: str, values: Sequence[SqlValue]) -> list[IncidentRow]:
        async with snapshot_of(self.path) as snapshot:
            if not await tables(snapshot, "incidents"):
                return []
            return [_read_incident(row) for row in await snapshot.rows(sql, values)]


async def _days(snapshot: Transaction) -> list[tuple[int, str]]:
    """The days' tables with their newest ids, newest first."""
    days = []
    for table in await tables(snapshot, DAY_TABLES):
        newest = await snapshot.row(NEWEST_ID.format(table=table))
        days.append((newest["id"] if newest else 0, table))
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
        signal=Signal(row["signal"] or Signal.SUCCESS),
        run=row["run"],
        exit_code=row["exit_code"],
        duration_ms=row["duration_ms"],
    )


def _read_incident(row: sqlite3.Row) -> IncidentRow:
    return IncidentRow(
        id=row["id"],
        monitor_id=row["monitor_id"],
        kind=row["kind"],
        started_ms=row["started_ms"],
        ended_ms=row["ended_ms"],
        alert_id=row["alert_id"],
        metric_key=row["metric_key"],
        delayed_ms=row["delayed_ms"],
    )
