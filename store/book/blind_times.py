"""When pings could not be heard, in history.db: written by the recorder, read by whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from store.blind_time import BlindTime
from store.book.database import translated
from store.book.history_snapshot import snapshot_of, tables
from store.book.history_writer import HistoryWriter

INSERT = "INSERT INTO blind_times (to_ms, from_ms, told) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"

# What lies in the future was written before the clock was stepped back; it says nothing about what comes now.
LAST_END = "SELECT coalesce(max(min(to_ms, ?1)), 0) FROM blind_times WHERE from_ms <= ?1"

PAGE = """
SELECT from_ms, to_ms FROM blind_times WHERE (to_ms, from_ms) < (?, ?) ORDER BY to_ms DESC, from_ms DESC LIMIT ?
"""

# Who was down before this time began and until it ended: of these nothing was awaited.
DOWN_THROUGHOUT = """
SELECT DISTINCT monitor_id FROM incidents
WHERE kind <> 'metric' AND started_ms <= ?1 AND (ended_ms IS NULL OR ended_ms >= ?2)
"""


def last_end(history: HistoryWriter, now_ms: int) -> int:
    """Up to where they are written down: the end of the last one, 0 if there is none."""
    with translated():
        (end_ms,) = history.connection.execute(LAST_END, (now_ms,)).fetchone()
    return int(end_ms)


def put(history: HistoryWriter, blind: BlindTime, told: int) -> None:
    """Write one down, in the transaction that is open."""
    history.connection.execute(INSERT, (blind.to_ms, blind.from_ms, told))


async def page(path: Path, limit: int, before: BlindTime) -> Sequence[BlindTime]:
    """The newest ones that ended before another."""
    async with snapshot_of(path) as snapshot:
        if not await tables(snapshot, "blind_times"):
            return []
        rows = await snapshot.rows(PAGE, (before.to_ms, before.from_ms, limit))
    return [BlindTime(row["from_ms"], row["to_ms"]) for row in rows]


async def down_throughout(path: Path, blind: BlindTime) -> set[int]:
    """The monitors that were down all the time."""
    async with snapshot_of(path) as snapshot:
        rows = await snapshot.rows(DOWN_THROUGHOUT, (blind.from_ms, blind.to_ms))
    return {row["monitor_id"] for row in rows}
