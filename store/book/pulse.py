"""What a page about one monitor has to look at to know whether anything is new: one quick look into history.db."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from store.book.alert_reader import STANDINGS
from store.book.database import SqlValue, Transaction
from store.book.history_reader import DAY_TABLES
from store.book.history_snapshot import snapshot_of, tables

# The newest ping of a monitor on a day; SQLite answers it from the index.
NEWEST_PING = "SELECT max(id) AS id FROM {table} WHERE monitor_id = ?"

INCIDENTS = (
    "SELECT id, ended_ms FROM incidents WHERE monitor_id = ? ORDER BY started_ms DESC, id DESC LIMIT ?"
)

LAST_SILENCE = """
SELECT ended_ms FROM incidents
WHERE monitor_id = ? AND kind <> 'metric' ORDER BY started_ms DESC, id DESC LIMIT 1
"""

KEYS = "SELECT count(*) AS keys, max(last_ms) AS last_ms FROM metric_keys WHERE monitor_id = ?"


class Pulse(msgspec.Struct, frozen=True):
    """`beats` are different whenever something else would be shown; nobody reads more in them.

    `recovered_ms` is when the last silence ended; None without one, or if it has not.
    """

    beats: tuple[SqlValue, ...]
    recovered_ms: int | None


async def pulse(path: Path, monitor_id: int, alert_ids: Sequence[int], incidents: int) -> Pulse:
    """Of a monitor, its rules and its newest incidents, as many as are shown."""
    async with snapshot_of(path) as snapshot:
        beats: list[SqlValue] = [await _newest_ping(snapshot, monitor_id)]
        if not await tables(snapshot, "incidents"):
            return Pulse(tuple(beats), None)
        beats += await _values(snapshot, INCIDENTS, monitor_id, incidents)
        beats += await _values(snapshot, KEYS, monitor_id)
        marks = ", ".join("?" * len(alert_ids))
        beats += await _values(snapshot, STANDINGS.format(marks=marks), *alert_ids)
        silence = await snapshot.row(LAST_SILENCE, (monitor_id,))
    return Pulse(tuple(beats), silence["ended_ms"] if silence else None)


async def _newest_ping(snapshot: Transaction, monitor_id: int) -> int:
    for table in reversed(await tables(snapshot, DAY_TABLES)):
        row = await snapshot.row(NEWEST_PING.format(table=table), (monitor_id,))
        if row is not None and row["id"] is not None:
            return int(row["id"])
    return 0


async def _values(snapshot: Transaction, sql: str, *values: SqlValue) -> list[SqlValue]:
    """The rows of an answer in one list."""
    return [value for row in await snapshot.rows(sql, values) for value in tuple(row)]
