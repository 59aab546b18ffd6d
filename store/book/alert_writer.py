"""Where threshold rules stand and what they have to tell, the writing side: inside the recorder's transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from store.book.database import translated
from store.book.history_writer import HistoryWriter

STATES = """
SELECT alert_id, monitor_id, version, streak, breach_ms, started_ms, incident_id, channel_id FROM alert_states
"""

SAVE = "INSERT OR REPLACE INTO alert_states VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

FORGET = "DELETE FROM alert_states WHERE alert_id = ?"

# Ended by hand (the rule was changed or deleted, the monitor paused or deleted), not by a value.
CLOSE = "UPDATE incidents SET ended_ms = max(started_ms, ?) WHERE id = ? AND ended_ms IS NULL"

LAST_ID = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'alert_outbox'"

PUT = "INSERT INTO alert_outbox (id, shard, event) VALUES (?, ?, ?)"

WAITING = "SELECT id, event FROM alert_outbox WHERE shard = ? ORDER BY id"

REMOVE = "DELETE FROM alert_outbox WHERE shard = ? AND id <= ?"


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule stands. `version` is the rule's that was judged by.

    `breach_ms` is the first breach of the streak, or of the one before; it only grows, so no two incidents are one.
    `started_ms` is 0 unless an incident is open; `incident_id` and `channel_id` are that incident's, or the last one's.
    """

    alert_id: int
    monitor_id: int
    version: int
    streak: int = 0
    breach_ms: int = 0
    started_ms: int = 0
    incident_id: str = ""
    channel_id: int = 0


class AlertWriter:
    """Writes through the recorder's connection. An outbox message is a number and an opaque event."""

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._connection = history.connection

    def states(self) -> dict[int, AlertState]:
        """Where all rules stand, by their id."""
        rows = self._connection.execute(STATES).fetchall()
        names = AlertState.__struct_fields__
        return {row[0]: AlertState(**dict(zip(names, row, strict=True))) for row in rows}

    def save(self, states: Iterable[AlertState]) -> None:
        self._connection.executemany(SAVE, [msgspec.structs.astuple(state) for state in states])

    def forget(self, alert_id: int) -> None:
        """A rule is gone."""
        self._connection.execute(FORGET, (alert_id,))

    def close_incident(self, incident_id: str, now_ms: int) -> None:
        """End an incident that no value has ended."""
        self._connection.execute(CLOSE, (now_ms, incident_id))

    def put(self, shard: int, events: Sequence[bytes], now_ms: int) -> list[tuple[int, bytes]]:
        """Put messages into the outbox.

        Redis ignores an id that it has seen or passed. So ids grow with time and not only by one: a history.db that
        begins anew, or comes from a backup, goes on above its predecessor.
        """
        (last_id,) = self._connection.execute(LAST_ID).fetchone()
        first_id = max(last_id + 1, now_ms * 1000)
        messages = list(enumerate(events, start=first_id))
        self._connection.executemany(PUT, [(number, shard, event) for number, event in messages])
        return messages

    def waiting(self, shard: int) -> list[tuple[int, bytes]]:
        """What is in the outbox, in order."""
        with translated():
            return self._connection.execute(WAITING, (shard,)).fetchall()

    def remove(self, shard: int, up_to_id: int) -> None:
        """Redis has these for good."""
        with self._history.transaction():
            self._connection.execute(REMOVE, (shard, up_to_id))
