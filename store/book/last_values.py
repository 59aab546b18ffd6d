"""The latest numbers that monitors sent, read from history.db for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from store.book.history_snapshot import snapshot_of, tables

# The latest value of each key of these monitors, if it is a number.
LAST_NUMBERS = """
SELECT monitor_id, key, last FROM metric_keys
WHERE monitor_id IN (SELECT value FROM json_each(?)) AND typeof(last) IN ('real', 'integer')
ORDER BY monitor_id, key LIMIT ?
"""


class LastNumber(msgspec.Struct, frozen=True):
    """A key of a monitor with its latest value."""

    monitor_id: int
    key: str
    value: float


async def last_numbers(path: Path, monitor_ids: Sequence[int], limit: int) -> list[LastNumber]:
    """The latest numbers of these monitors, at most so many."""
    async with snapshot_of(path) as snapshot:
        if not await tables(snapshot, "metric_keys"):
            return []
        rows = await snapshot.rows(LAST_NUMBERS, (msgspec.json.encode(list(monitor_ids)).decode(), limit))
    return [LastNumber(row["monitor_id"], row["key"], row["last"]) for row in rows]
