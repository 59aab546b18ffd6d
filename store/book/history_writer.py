"""history.db, the writing side: the recorder's alone. Rows and the position in the streams go in one transaction.

WAL and synchronous=FULL; every other connection only reads (SQLite before 3.51.3 can corrupt a WAL that two connections
write and checkpoint at once).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from store.book.database import BUSY_TIMEOUT_S, SqlValue, translated
from store.book.dated_tables import DAY_MS, Dated, DatedTables
from store.book.migrator import migrate
from store.book.signals import Said, add_signals
from store.book.user_agents import UserAgents

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -65536",
    "PRAGMA wal_autocheckpoint = 4000",
)

# The index of a day grows at so many places, whatever the number of monitors: an insert finds its page in memory, and
# a transaction writes few pages. A question about one monitor passes over those that share its lane.
INDEX_LANES = 1024

PINGS = Dated(
    "pings",
    "%Y%m%d",
    (
        """
        CREATE TABLE {table} (
            id INTEGER PRIMARY KEY,
            monitor_id INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            method TEXT,
            host TEXT,
            query TEXT,
            content_type TEXT,
            user_agent_id INTEGER,
            sender TEXT,
            body BLOB
        ) STRICT
        """,
        # With the moment, so that questions about nothing but moments never touch the table (see arrivals.py).
        f"CREATE INDEX {{table}}_of_monitor ON {{table}} (monitor_id % {INDEX_LANES}, id, monitor_id, at_ms)",
    ),
)
# An id, PingValues as they are, and the id that stands for their user agent (?9 itself is not used).
INSERT_PING = """
INSERT INTO {table}
    (id, monitor_id, at_ms, outcome, method, host, query, content_type, user_agent_id, sender, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?12, ?10, ?11)
"""

# Days from before user agents had ids hold the text; what is written to them now has an id as well.
ADD_USER_AGENT_ID = "ALTER TABLE {table} ADD COLUMN user_agent_id INTEGER"
COLUMNS = "SELECT name FROM pragma_table_info(?)"

LAST_PING_ID = "SELECT last FROM ping_ids"
SET_LAST_PING_ID = "UPDATE ping_ids SET last = ?"

# An incident that is told twice (Redis crashed and noticed the same silence again) stays one row.
OPEN_INCIDENT = """
INSERT INTO incidents (id, monitor_id, org_id, kind, silence_ms, started_ms, alert_id, metric_key, delayed_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
# An end that comes without its beginning (lost with Redis' last second) leaves a whole row all the same.
CLOSE_INCIDENT = """
INSERT INTO incidents (id, monitor_id, org_id, kind, silence_ms, started_ms, alert_id, metric_key, delayed_ms, ended_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET ended_ms = excluded.ended_ms
"""

POSITION = "SELECT entry, appended_bytes FROM positions WHERE generation = ? AND shard = ? AND stream = ?"
SET_POSITION = """
INSERT INTO positions (generation, shard, stream, entry, appended_bytes) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET entry = excluded.entry, appended_bytes = excluded.appended_bytes
"""

# monitor, at_ms, outcome, method, host, query, content type, user agent, sender, body
PingValues = tuple[int, int, str, str, str, str, str, str, str, bytes | None]
# The same from the method on.
SentValues = tuple[str, str, str, str, str, str, bytes | None]
USER_AGENT: Final = 7
NOTHING_SAID: Final[Mapping[int, Said]] = {}


class Position(msgspec.Struct, frozen=True):
    """Up to where a stream was read; `appended_bytes` is the history that was appended up to there."""

    entry: str = "0-0"
    appended_bytes: int = 0


class IncidentChange(msgspec.Struct, frozen=True):
    """An incident's beginning, or with `ended_ms` its end. A metric's incident names its rule and its key.

    `delayed_ms` is how much later blind time made the missed deadline; None: not at all.
    """

    id: str
    monitor_id: int
    org_id: int
    silence_ms: int
    started_ms: int
    ended_ms: int | None
    kind: str = "silence"
    alert_id: str | None = None
    metric_key: str | None = None
    delayed_ms: int | None = None


class HistoryWriter:
    """The one connection that writes history.db; not to be used by two threads at once.

    Those who write other rows in the same transactions (samples, alerts) use `connection` and `tables`, and add to
    `on_rollback` what makes them forget. Raises Unavailable for whatever SQLite cannot do.
    """

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        with translated():
            self.connection = sqlite3.connect(
                path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            try:
                for pragma in PRAGMAS:
                    self.connection.execute(pragma)
                migrate(self.connection, "history")
                self._last_ping_id: int = self.connection.execute(LAST_PING_ID).fetchone()[0]
                self.tables = DatedTables(self.connection)
                self._bring_up_to_date()
                self.user_agents = UserAgents(self.connection)
            except BaseException:
                self.connection.close()
                raise
        self.on_rollback: list[Callable[[], None]] = [self.user_agents.clear]

    @property
    def last_ping_id(self) -> int:
        """The id of the ping that was written last."""
        return self._last_ping_id

    def close(self) -> None:
        """Close the connection, which also takes the WAL back into the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; what was remembered of the file follows it back."""
        last_ping_id, tables = self._last_ping_id, self.tables.remembered()
        with translated():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self.connection.rollback()
                self._last_ping_id = last_ping_id
                self.tables.remember(tables)
                for forget in self.on_rollback:
                    forget()
                raise

    def position(self, generation: str, shard: int, stream: str) -> Position:
        """Up to where a stream is in this file."""
        with translated():
            row = self.connection.execute(POSITION, (generation, shard, stream)).fetchone()
        return Position(*row) if row else Position()

    def set_position(self, generation: str, shard: int, stream: str, position: Position) -> None:
        """Note up to where a stream was read, in the transaction that wrote its rows."""
        self.connection.execute(
            SET_POSITION, (generation, shard, stream, position.entry, position.appended_bytes)
        )

    def add_pings(self, pings: Sequence[PingValues], said: Mapping[int, Said] = NOTHING_SAID) -> int:
        """Append pings in order; each gets the next id. Answers the first one.

        `said`: what those signalled that were no plain pings, by their place among these.
        """
        first_id = self._last_ping_id + 1
        by_table: dict[str, list[tuple[SqlValue, ...]]] = {}
        rows: list[tuple[SqlValue, ...]] = []
        until_ms = -1
        for ping_id, ping in enumerate(pings, first_id):
            if not until_ms - DAY_MS <= ping[1] < until_ms:
                rows = by_table.setdefault(PINGS.table(ping[1]), [])
                until_ms = (ping[1] // DAY_MS + 1) * DAY_MS
            rows.append((ping_id, *ping, self.user_agents.id_of(ping[USER_AGENT], ping[1])))
        self._last_ping_id += len(pings)
        for table, rows in by_table.items():
            self.tables.make(PINGS, table)
            self.connection.executemany(INSERT_PING.format(table=table), rows)
        said_by = ((first_id + at, pings[at][0], pings[at][1], one) for at, one in said.items())
        add_signals(self.connection, self.tables, said_by)
        self.connection.execute(SET_LAST_PING_ID, (self._last_ping_id,))
        return first_id

    def change_incidents(self, changes: Iterable[IncidentChange]) -> None:
        """Open and close incidents in order."""
        for one in changes:
            values = (
                one.id,
                one.monitor_id,
                one.org_id,
                one.kind,
                one.silence_ms,
                one.started_ms,
                one.alert_id,
                one.metric_key,
                one.delayed_ms,
            )
            if one.ended_ms is None:
                self.connection.execute(OPEN_INCIDENT, values)
            else:
                self.connection.execute(CLOSE_INCIDENT, (*values, one.ended_ms))

    def drop_before(self, dated: Dated, now_ms: int, days: int) -> list[str]:
        """Drop the tables of a family that hold nothing younger than `days`; answers their names."""
        oldest_kept_ms = now_ms - days * DAY_MS
        old = self.tables.older_than(dated, oldest_kept_ms)
        for table in old:
            with self.transaction():
                self.tables.drop(table)
                if dated is PINGS:
                    self.user_agents.forget_before(oldest_kept_ms - oldest_kept_ms % DAY_MS)
        return old

    def _bring_up_to_date(self) -> None:
        """Days that were begun by an earlier version."""
        for table in self.tables.of(PINGS):
            if "user_agent_id" not in {name for (name,) in self.connection.execute(COLUMNS, (table,))}:
                self.connection.execute(ADD_USER_AGENT_ID.format(table=table))
