"""Where threshold rules stand, read from history.db for those who ask; the recorder may be a moment ahead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from store.book.history_snapshot import snapshot_of, tables

STANDINGS = "SELECT alert_id, version, streak, started_ms > 0 AS is_open FROM alert_states WHERE alert_id IN ({marks})"


class Standing(msgspec.Struct, frozen=True):
    """How often in a row a rule (in one of its versions) was breached, and whether its incident is open."""

    version: int
    streak: int
    is_open: bool


class AlertReader:
    """Reads history.db at this path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def standings(self, alert_ids: Sequence[int]) -> dict[int, Standing]:
        """Where rules stand, by id; one that was never judged is missing."""
        async with snapshot_of(self._path) as snapshot:
            if not alert_ids or not await tables(snapshot, "alert_states"):
                return {}
            sql = STANDINGS.format(marks=", ".join("?" * len(alert_ids)))
            rows = await snapshot.rows(sql, tuple(alert_ids))
        return {
            row["alert_id"]: Standing(row["version"], row["streak"], bool(row["is_open"])) for row in rows
        }
