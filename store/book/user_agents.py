"""User agents, the writing side: each text is stored once, and pings know it by its id."""

from __future__ import annotations

import sqlite3

from store.book.dated_tables import DAY_MS

REMEMBERED = 20_000

# A text that is there already keeps its id; it was sent on this day too.
TAKE = """
INSERT INTO user_agents (text, last_ms) VALUES (?, ?)
ON CONFLICT (text) DO UPDATE SET last_ms = max(last_ms, excluded.last_ms)
RETURNING id
"""
FORGET = "DELETE FROM user_agents WHERE last_ms < ?"


class UserAgents:
    """The ids of texts, as the one writing connection knows them; asked within its transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[tuple[str, int], int] = {}

    def id_of(self, text: str, at_ms: int) -> int:
        """The id of a text that was sent at this moment. New ones are stored."""
        day = at_ms // DAY_MS
        found = self._ids.get((text, day))
        return self._take(text, day) if found is None else found

    def forget_before(self, at_ms: int) -> None:
        """Remove what was not sent since then. Within a transaction."""
        self._connection.execute(FORGET, (at_ms,))
        self.clear()

    def clear(self) -> None:
        """Ask the table again: a transaction was undone."""
        self._ids.clear()

    def _take(self, text: str, day: int) -> int:
        if len(self._ids) >= REMEMBERED:
            self._ids.clear()
        (taken,) = self._connection.execute(TAKE, (text, day * DAY_MS)).fetchone()
        self._ids[text, day] = taken
        return int(taken)
