"""Whether what stands in a stream is in history.db already, where its position says nothing: after a loss of Redis."""

from __future__ import annotations

from store.book.database import translated
from store.book.history_writer import INDEX_LANES, PINGS, HistoryWriter, PingValues
from store.book.letter_writer import Move, NewDelivery

# So many rows are looked through, from the newest on: many times what is recorded in the moments that Redis may lose.
RECENT = 1_000_000

# From the monitor on as in PingValues, but for the user agent, which is kept by a number.
PING = f"""
SELECT id FROM {{table}}
WHERE monitor_id % {INDEX_LANES} = ?1 % {INDEX_LANES} AND id > ?10 AND monitor_id = ?1 AND at_ms = ?2 AND outcome = ?3
    AND method IS ?4 AND host IS ?5 AND query IS ?6 AND content_type IS ?7 AND sender IS ?8 AND body IS ?9
ORDER BY id LIMIT 1
"""
MADE = "SELECT 1 FROM deliveries WHERE shard = ? AND live_id = ? AND created_ms = ?"
NUMBER = "SELECT number FROM deliveries WHERE shard = ? AND live_id = ?"
ATTEMPTED = "SELECT 1 FROM delivery_attempts WHERE delivery = ? AND attempt = ? AND at_ms = ?"


class RecordedBefore:
    """Asks through the recorder's connection, about entries in the order in which they were written."""

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._after_id = history.last_ping_id - RECENT

    def is_ping(self, ping: PingValues) -> bool:
        """Whether this ping is among those after the last one that was found."""
        *values, _, sender, body = ping
        table = PINGS.table(ping[1])
        with translated():
            if table not in self._history.tables.of(PINGS):
                return False
            row = self._history.connection.execute(
                PING.format(table=table), (*values, sender, body, self._after_id)
            ).fetchone()
        if row is None:
            return False
        self._after_id = row[0]
        return True

    def is_delivery(self, shard: int, made: NewDelivery) -> bool:
        with translated():
            found = self._history.connection.execute(MADE, (shard, made.live_id, made.created_ms)).fetchone()
        return found is not None

    def is_attempt(self, shard: int, moved: Move) -> bool | None:
        """None: it cannot be known, because no attempt was made, or nothing is known of the delivery."""
        connection, began_ms = self._history.connection, moved.at_ms - moved.duration_ms
        with translated():
            row = connection.execute(NUMBER, (shard, moved.live_id)).fetchone()
            if row is None or not moved.attempt:
                return None
            return connection.execute(ATTEMPTED, (row[0], moved.attempt, began_ms)).fetchone() is not None
