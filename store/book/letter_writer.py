"""Deliveries, their attempts and events that wait to be told, the writing side: inside the recorder's transactions."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

import msgspec

from store.book.database import translated
from store.book.history_writer import HistoryWriter, Position

DISPATCHED = "dispatched"

# Another delivery that Redis once knew by the same id, before it was emptied and its clock stepped back. It is the same
# one although something was noted behind its event since, which the first byte says.
PUT_ASIDE = """
UPDATE deliveries SET live_id = NULL
WHERE shard = ?1 AND live_id = ?2 AND substr(event, 2, length(?3) - 1) <> substr(?3, 2)
"""

# A Redis that came back without its last moments may make the same delivery again. ?1 is the id that it asks for;
# what was put back into an empty Redis may have it already.
MAKE = """
INSERT INTO deliveries (id, shard, live_id, org_id, monitor_id, channel_id, incident_id, type, created_ms, event,
                        events)
VALUES (CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE id = ?1) THEN ?2 ELSE ?1 END,
        ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT (shard, live_id) DO UPDATE SET state = 'waiting', tries = 0, next_ms = NULL, settled_ms = NULL
"""

EVENT = "SELECT event FROM deliveries WHERE shard = ? AND live_id = ?"

GROW = "UPDATE deliveries SET event = ?, events = ? WHERE shard = ? AND live_id = ?"

# By an attempt (?1 is its number) or without one (0).
MOVE = """
UPDATE deliveries SET
    state = ?2,
    attempts = attempts + (?1 > 0),
    tries = CASE WHEN ?1 > 0 THEN ?1 WHEN ?2 = 'waiting' THEN 0 ELSE tries END,
    last_status = CASE WHEN ?1 > 0 THEN ?3 ELSE last_status END,
    last_reason = CASE WHEN ?4 = '' THEN last_reason ELSE ?4 END,
    next_ms = ?5,
    settled_ms = ?6
WHERE shard = ?7 AND live_id = ?8 RETURNING number
"""

ADD_ATTEMPT = """
INSERT INTO delivery_attempts (delivery, attempt, at_ms, outcome, status, reason, duration_ms)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""

NOTE_UNTOLD = "INSERT OR IGNORE INTO untold_events VALUES (?, ?, ?, ?, ?)"

FORGET_UNTOLD = """
DELETE FROM untold_events WHERE generation = ? AND shard = ? AND (entry_ms, entry_seq) <= (?, ?)
"""

FORGET_ONE_UNTOLD = """
DELETE FROM untold_events WHERE generation = ? AND shard = ? AND entry_ms = ? AND entry_seq = ?
"""

FORGET_FORMER_UNTOLD = "DELETE FROM untold_events WHERE generation <> ? AND shard = ?"

# What Redis should know of, oldest first.
OPEN = """
SELECT number, live_id FROM deliveries
WHERE shard = ? AND number > ? AND state IN ('waiting', 'retrying', 'dead') AND live_id IS NOT NULL
ORDER BY number LIMIT ?
"""

OLD = """
SELECT number FROM deliveries WHERE state IN ('delivered', 'dropped') AND created_ms < ? ORDER BY created_ms LIMIT ?
"""

FORGET = "DELETE FROM deliveries WHERE number = ?"
FORGET_ATTEMPTS = "DELETE FROM delivery_attempts WHERE delivery = ?"


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was made. `live_id` is what Redis calls it; `id` what others are to call it, if not anything."""

    id: str = ""
    events: int = 1
    live_id: str
    org_id: int
    monitor_id: int
    channel_id: int
    incident_id: str
    type: str
    created_ms: int
    event: bytes


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery moved on, by an attempt or (`attempt` 0) without one."""

    live_id: str
    attempt: int
    state: str
    outcome: str
    at_ms: int
    status: int | None
    duration_ms: int
    reason: str
    next_ms: int | None
    settled_ms: int | None


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """A collection has grown, or got its tags. `is_head`: nothing but the head of its event has changed."""

    live_id: str
    event: bytes
    events: int
    is_head: bool


class UntoldEvent(msgspec.Struct, frozen=True):
    """An event that was read. `restored_from` is its former place, if a rebuild has put it back."""

    entry: str
    event: bytes
    restored_from: str


class LetterWriter:
    """Writes through the recorder's connection."""

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._connection = history.connection

    def make(self, shard: int, new: NewDelivery) -> None:
        fresh = str(uuid4())
        self._connection.execute(PUT_ASIDE, (shard, new.live_id, new.event))
        self._connection.execute(
            MAKE,
            (
                new.id or fresh,
                fresh,
                shard,
                new.live_id,
                new.org_id,
                new.monitor_id,
                new.channel_id,
                new.incident_id,
                new.type,
                new.created_ms,
                new.event,
                new.events,
            ),
        )

    def grow(self, shard: int, growth: Growth) -> None:
        """A collection has more in it now; one that is not here is among what was dropped."""
        row = self._connection.execute(EVENT, (shard, growth.live_id)).fetchone()
        if row is not None:
            event = growth.event + row[0][len(growth.event) :] if growth.is_head else growth.event
            self._connection.execute(GROW, (event, growth.events, shard, growth.live_id))

    def move(self, shard: int, move: Move) -> bool:
        """False: there is no such delivery here; that it was made is among what was dropped."""
        values = (move.attempt, move.state, move.status, move.reason, move.next_ms, move.settled_ms)
        row = self._connection.execute(MOVE, (*values, shard, move.live_id)).fetchone()
        if row is None:
            return False
        if move.attempt:
            began_ms = move.at_ms - move.duration_ms
            made = (row[0], move.attempt, began_ms, move.outcome, move.status, move.reason, move.duration_ms)
            self._connection.execute(ADD_ATTEMPT, made)
        return True

    def note_untold(self, generation: str, shard: int, events: Iterable[UntoldEvent]) -> None:
        """Keep events until they are dispatched; what a rebuild has put back has a new place."""
        for one in events:
            self._connection.execute(NOTE_UNTOLD, (generation, shard, *place_of(one.entry), one.event))
            if one.restored_from:
                former, _, entry = one.restored_from.partition(":")
                self._connection.execute(FORGET_ONE_UNTOLD, (former, shard, *place_of(entry)))

    def note_dispatched(self, generation: str, shard: int, entry: str) -> None:
        """All events up to this one (empty: up to where that was before) are deliveries now."""
        if entry:
            self._history.set_position(generation, shard, DISPATCHED, Position(entry))
        else:
            entry = self._history.position(generation, shard, DISPATCHED).entry
        self._connection.execute(FORGET_UNTOLD, (generation, shard, *place_of(entry)))

    def take_back_dispatched(self, generation: str, shard: int, entry: str) -> None:
        """Redis has turned no events into deliveries after this one, as far as it remembers."""
        known = self._history.position(generation, shard, DISPATCHED)
        if place_of(entry) < place_of(known.entry):
            self._history.set_position(generation, shard, DISPATCHED, Position(entry))

    def forget_former_untold(self, generation: str, shard: int) -> None:
        """What is left of former generations: Redis was put in order without it, and notices it again by itself."""
        self._connection.execute(FORGET_FORMER_UNTOLD, (generation, shard))

    def open_after(self, shard: int, number: int, limit: int) -> list[tuple[int, str]]:
        """Number and live id of deliveries that Redis should know of."""
        with translated():
            return self._connection.execute(OPEN, (shard, number, limit)).fetchall()

    def forget_before(self, before_ms: int, limit: int) -> int:
        """Forget deliveries that were made earlier and are settled, with their attempts; answers how many."""
        with self._history.transaction():
            old = self._connection.execute(OLD, (before_ms, limit)).fetchall()
            self._connection.executemany(FORGET_ATTEMPTS, old)
            self._connection.executemany(FORGET, old)
        return len(old)


def place_of(entry: str) -> tuple[int, int]:
    """The two numbers of an entry's id in a stream."""
    at_ms, _, sequence = entry.partition("-")
    return int(at_ms), int(sequence or 0)
