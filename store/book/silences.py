"""When a monitor was down, read from history.db for the arithmetic of uptime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from store.book.history_snapshot import snapshot_of, tables
from store.uptime import Silence

PAGE = 1000

# A monitor's silences that touch a time, oldest first; the id decides between two of one millisecond.
SILENCES = """
SELECT id, started_ms, ended_ms FROM incidents
WHERE monitor_id = ? AND kind <> 'metric' AND (started_ms, id) > (?, ?) AND started_ms < ?
  AND (ended_ms IS NULL OR ended_ms > ?)
ORDER BY started_ms, id LIMIT ?
"""


async def silences(path: Path, monitor_id: int, from_ms: int, until_ms: int) -> AsyncIterator[list[Silence]]:
    """A monitor's silences within a time, in pages: one that fails all day long has very many."""
    async with snapshot_of(path) as snapshot:
        if not await tables(snapshot, "incidents"):
            return
        after: tuple[int, str] = (-1, "")
        while rows := await snapshot.rows(SILENCES, (monitor_id, *after, until_ms, from_ms, PAGE)):
            yield [(row["started_ms"], row["ended_ms"]) for row in rows]
            after = (rows[-1]["started_ms"], rows[-1]["id"])
