"""The incidents of monitors that the history has open, for whoever holds them against Redis; by the recorder's hand."""

from __future__ import annotations

from collections.abc import Iterable

from store.book.database import translated
from store.book.history_writer import HistoryWriter
from store.silence import Silence

# A page, by the index of what is open.
OPEN = """
SELECT monitor_id, id, silence_ms, started_ms, coalesce(delayed_ms, 0), kind FROM incidents
WHERE ended_ms IS NULL AND kind <> 'metric' AND (monitor_id, id) > (?, ?) ORDER BY monitor_id, id LIMIT ?
"""

CLOSE = "UPDATE incidents SET ended_ms = max(?, started_ms) WHERE id = ? AND ended_ms IS NULL"


class OpenIncidents:
    """Reads and closes them in the recorder's history.db."""

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history

    def after(self, monitor_id: int, incident_id: str, limit: int) -> list[Silence]:
        """Those beyond this one, in order."""
        with translated():
            rows = self._history.connection.execute(OPEN, (monitor_id, incident_id, limit)).fetchall()
        return [Silence(*row) for row in rows]

    def close(self, incident_ids: Iterable[str], at_ms: int) -> None:
        """End these without a word: nobody waits for it."""
        with self._history.transaction():
            self._history.connection.executemany(CLOSE, [(at_ms, one) for one in incident_ids])
