"""What pings signalled: a row beside the row of each ping that was no plain one, in tables by day.

Plain pings, nearly all of them, have none, so they cost nothing here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from store.beat import Signal, Signalled
from store.book.database import Transaction
from store.book.dated_tables import Dated, DatedTables
from store.book.history_snapshot import tables

# As the index of pings has them (see history_writer.py).
LANES: Final = 1024

# `ping_id` is the ping's in the table of the same day, `of_monitor` its monitor. `run`: a UUID's 16 bytes, or NULL.
# `started_ms`: when the run that it ends began; NULL if it ended none. `duration_ms`: as it was told, else measured.
SIGNALS = Dated(
    "signals",
    "%Y%m%d",
    (
        """
        CREATE TABLE {table} (
            ping_id INTEGER PRIMARY KEY,
            of_monitor INTEGER NOT NULL,
            signal INTEGER NOT NULL,
            run BLOB,
            exit_code INTEGER,
            started_ms INTEGER,
            duration_ms INTEGER
        ) STRICT
        """,
        f"CREATE INDEX {{table}}_of_monitor ON {{table}} (of_monitor % {LANES}, ping_id, of_monitor)",
    ),
)
INSERT_SIGNAL = """
INSERT INTO {table} (ping_id, of_monitor, signal, run, exit_code, started_ms, duration_ms)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""

# For a question about the pings of a day: what they signalled; of a day on which all were plain, nothing.
COLUMNS = ", signal, run, exit_code, duration_ms"
NO_COLUMNS = ", NULL AS signal, NULL AS run, NULL AS exit_code, NULL AS duration_ms"
JOIN = " LEFT JOIN {table} ON ping_id = id"
# For one about those alone that signalled something, from there: the few failures of a year among all that went well.
BESIDE = "{table} CROSS JOIN {pings}"
BESIDE_JOINED = " ON id = ping_id"
BESIDE_IN_LANE = f"of_monitor % {LANES} = ?1 % {LANES} AND +of_monitor = ?1 AND ping_id < ?2"

# Of a question about signs of life: not the pings of a day that say something else.
IS_LIFE = f"""
AND NOT EXISTS (SELECT 1 FROM {{table}} WHERE ping_id = id AND signal <> {Signal.SUCCESS.value})
"""


class Said(msgspec.Struct, frozen=True, gc=False):
    """What one ping signalled, and when the run began that it ended, if it ended one."""

    signalled: Signalled
    started_ms: int | None = None


# The ids of a ping and of its monitor, its moment, and what it signalled.
SaidBy = tuple[int, int, int, Said]


def add_signals(connection: sqlite3.Connection, dated: DatedTables, said_by: Iterable[SaidBy]) -> None:
    """Write what pings signalled, in the transaction that writes the pings."""
    by_table: dict[str, list[tuple[int | bytes | None, ...]]] = {}
    for ping_id, monitor_id, at_ms, said in said_by:
        one = said.signalled
        values = (ping_id, monitor_id, int(one.signal), one.run or None, one.exit_code)
        by_table.setdefault(SIGNALS.table(at_ms), []).append((*values, said.started_ms, one.duration_ms))
    for table, rows in by_table.items():
        dated.make(SIGNALS, table)
        connection.executemany(INSERT_SIGNAL.format(table=table), rows)


async def signals_beside(snapshot: Transaction) -> dict[str, str]:
    """The tables of days on which not all pings were plain, by the tables of these pings."""
    found = await tables(snapshot, f"{SIGNALS.prefix}_[0-9]*")
    return {f"pings_{table.partition('_')[2]}": table for table in found}


def is_life(signals: str | None) -> str:
    """The end of a question about signs of life, where the day's signals lie in this table (None: there were none)."""
    return IS_LIFE.format(table=signals) if signals else ""
