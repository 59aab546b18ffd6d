"""When some monitors were down lately, read from history.db at once for all of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from store.book.history_snapshot import snapshot_of, tables
from store.uptime import Silence

# The silences of some monitors that touch the time from ?1 on. Those that began in it are found by their start. Of
# those before it only the last incident of a monitor can touch it: while it is silent no other one begins. Equal
# stretches of one monitor, counted in steps of ?2 ms, are told once: one that fails all day long stays few rows.
RECENT = """
WITH wanted (monitor_id) AS (VALUES {marks}),
found AS (
    SELECT i.monitor_id, i.started_ms, i.ended_ms, i.kind FROM wanted AS w
    JOIN incidents AS i ON i.monitor_id = w.monitor_id AND i.started_ms >= ?1
    UNION ALL
    SELECT i.monitor_id, i.started_ms, i.ended_ms, i.kind FROM wanted AS w
    JOIN incidents AS i ON i.id = (
        SELECT id FROM incidents WHERE monitor_id = w.monitor_id AND started_ms < ?1
        ORDER BY started_ms DESC, id DESC LIMIT 1)
    WHERE i.ended_ms IS NULL OR i.ended_ms > ?1
)
SELECT monitor_id, min(started_ms) AS started_ms,
       CASE WHEN count(*) = count(ended_ms) THEN max(ended_ms) END AS ended_ms
FROM found WHERE kind <> 'metric'
GROUP BY monitor_id, started_ms / ?2, ended_ms / ?2
"""


async def recent_silences(
    path: Path, monitor_ids: Collection[int], from_ms: int, step_ms: int, within_ms: int
) -> dict[int, list[Silence]]:
    """Monitor id to its silences since a moment, as coarse as the steps in which they are asked for.

    Raises:
        Unavailable: it cannot be read, or not within so many ms.
    """
    found: dict[int, list[Silence]] = {one: [] for one in monitor_ids}
    async with snapshot_of(path, within_ms) as snapshot:
        if not found or not await tables(snapshot, "incidents"):
            return found
        marks = ", ".join(f"(?{number})" for number in range(3, len(found) + 3))
        for row in await snapshot.rows(RECENT.format(marks=marks), (from_ms, step_ms, *found)):
            found[row["monitor_id"]].append((row["started_ms"], row["ended_ms"]))
    return found
