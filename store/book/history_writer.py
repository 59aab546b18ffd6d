"""history.db, the writing side: the recorder's alone. Rows and the position in the streams go in one transaction.

WAL and synchronous=FULL; every other connection only reads (SQLite before 3.51.3 can corrupt a WAL that two connections
write and checkpoint at once).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from store.book.database import BUSY_TIMEOUT_S, translated
from store.book.migrator import migrate

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -65536",
    "PRAGMA wal_autocheckpoint = 4000",
)

MAKE_DAY = """
CREATE TABLE IF NOT EXISTS {table} (
    id INTEGER PRIMARY KEY,
    monitor_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    method TEXT,
    host TEXT,
    query TEXT,
    content_type TEXT,
    user_agent TEXT,
    sender TEXT,
    body BLOB
) STRICT
"""
INDEX_DAY = "CREATE INDEX IF NOT EXISTS {table}_of_monitor ON {table} (monitor_id, id)"
INSERT_PING = "INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

DAY_TABLES = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name GLOB 'pings_[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' ORDER BY name
"""
DROP_DAY = "DROP TABLE {table}"

LAST_PING_ID = "SELECT last FROM ping_ids"
SET_LAST_PING_ID = "UPDATE ping_ids SET last = ?"

# An incident that is told twice (Redis crashed and noticed the same silence again) stays one row.
OPEN_INCIDENT = """
INSERT INTO incidents (id, monitor_id, org_id, kind, silence_ms, started_ms) VALUES (?, ?, ?, 'silence', ?, ?)
ON CONFLICT (id) DO NOTHING
"""
# An end that comes without its beginning (lost with Redis' last second) leaves a whole row all the same.
CLOSE_INCIDENT = """
INSERT INTO incidents (id, monitor_id, org_id, kind, silence_ms, started_ms, ended_ms)
VALUES (?, ?, ?, 'silence', ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET ended_ms = excluded.ended_ms
"""

POSITION = "SELECT entry, appended_bytes FROM positions WHERE generation = ? AND shard = ? AND stream = ?"
SET_POSITION = """
INSERT INTO positions (generation, shard, stream, entry, appended_bytes) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET entry = excluded.entry, appended_bytes = excluded.appended_bytes
"""

# monitor, at_ms, outcome, method, host, query, content type, user agent, sender, body
PingValues = tuple[int, int, str, str, str, str, str, str, str, bytes | None]


class Position(msgspec.Struct, frozen=True):
    """Up to where a stream was read; `appended_bytes` is the history that was appended up to there."""

    entry: str = "0-0"
    appended_bytes: int = 0


class IncidentChange(msgspec.Struct, frozen=True):
    """An incident's beginning, or with `ended_ms` its end."""

    id: str
    monitor_id: int
    org_id: int
    silence_ms: int
    started_ms: int
    ended_ms: int | None


def day_table(at_ms: int) -> str:
    """The table of the UTC day of a moment."""
    return f"pings_{datetime.fromtimestamp(at_ms // 1000, UTC):%Y%m%d}"


class HistoryWriter:
    """The one connection that writes history.db; not to be used by two threads at once.

    Raises Unavailable for whatever SQLite cannot do.
    """

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        with translated():
            self._connection = sqlite3.connect(
                path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            try:
                for pragma in PRAGMAS:
                    self._connection.execute(pragma)
                migrate(self._connection, "history")
                self._last_ping_id: int = self._connection.execute(LAST_PING_ID).fetchone()[0]
                self._tables = {name for (name,) in self._connection.execute(DAY_TABLES)}
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the connection, which also takes the WAL back into the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; what was remembered of the file follows it back."""
        remembered = self._last_ping_id, set(self._tables)
        with translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                self._last_ping_id, self._tables = remembered
                raise

    def position(self, generation: str, shard: int, stream: str) -> Position:
        """Up to where a stream is in this file."""
        with translated():
            row = self._connection.execute(POSITION, (generation, shard, stream)).fetchone()
        return Position(*row) if row else Position()

    def set_position(self, generation: str, shard: int, stream: str, position: Position) -> None:
        """Note up to where a stream was read, in the transaction that wrote its rows."""
        self._connection.execute(
            SET_POSITION, (generation, shard, stream, position.entry, position.appended_bytes)
        )

    def add_pings(self, pings: Sequence[PingValues]) -> None:
        """Append pings in order; each gets the next id."""
        by_table: dict[str, list[tuple[int, *PingValues]]] = {}
        table, until_ms = "", -1
        for ping in pings:
            if not until_ms - 86_400_000 <= ping[1] < until_ms:
                table, until_ms = day_table(ping[1]), (ping[1] // 86_400_000 + 1) * 86_400_000
            self._last_ping_id += 1
            by_table.setdefault(table, []).append((self._last_ping_id, *ping))
        for table, rows in by_table.items():
            self._make_day(table)
            self._connection.executemany(INSERT_PING.format(table=table), rows)
        self._connection.execute(SET_LAST_PING_ID, (self._last_ping_id,))

    def change_incidents(self, changes: Iterable[IncidentChange]) -> None:
        """Open and close incidents in order."""
        for one in changes:
            values = (one.id, one.monitor_id, one.org_id, one.silence_ms, one.started_ms)
            if one.ended_ms is None:
                self._connection.execute(OPEN_INCIDENT, values)
            else:
                self._connection.execute(CLOSE_INCIDENT, (*values, one.ended_ms))

    def drop_days_before(self, now_ms: int, days: int) -> list[str]:
        """Drop the tables of days that are older than `days`; answers their names."""
        oldest_kept = day_table(now_ms - int(timedelta(days=days).total_seconds() * 1000))
        old = sorted(name for name in self._tables if name < oldest_kept)
        for table in old:
            with self.transaction():
                self._connection.execute(DROP_DAY.format(table=table))
                self._tables.discard(table)
        return old

    def _make_day(self, table: str) -> None:
        if table not in self._tables:
            self._connection.execute(MAKE_DAY.format(table=table))
            self._connection.execute(INDEX_DAY.format(table=table))
            self._tables.add(table)
