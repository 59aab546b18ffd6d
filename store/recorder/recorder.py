"""Drains the streams of one shard into history.db, exactly once: rows and position in one transaction, then the trim.

A crash between the commit and the trim leaves entries in Redis that are in SQLite already; the position says so, and
they are trimmed with the next step.
"""

from __future__ import annotations

import asyncio

from store.book.history_writer import HistoryWriter, Position
from store.clock import monotonic_ms
from store.live.shard import Shard
from store.live.streams import EventEntry, PingEntry, StreamReader, trim_events, trim_pings
from store.metrics import RECORDER_COMMIT, RECORDER_ROWS
from store.recorder.rows import incident_change, ping_rows

ENTRIES_AT_ONCE = 200
PINGS, EVENTS = "pings", "events"


class Recorder:
    """One shard's way into history.db. `writer` may be shared by the recorders of several shards."""

    def __init__(self, shard: Shard, reader: StreamReader, writer: HistoryWriter, lock: asyncio.Lock) -> None:
        self._shard = shard
        self._reader = reader
        self._writer = writer
        self._lock = lock
        self._generation = ""
        self._pings = Position()
        self._events = Position()

    async def step(self) -> int:
        """Carry what waits; answers how many entries that was. Waits up to a second for the first one.

        1. Take the position from SQLite when the generation is new to us. 2. Read. 3. Write rows and position in one
        transaction. 4. Trim the streams up to it.

        Raises:
            Unavailable: Redis or SQLite is away; nothing was lost, the step can be repeated.
        """
        if self._generation != self._shard.generation.value:
            self._take_position(self._shard.generation.value)
        pings, events = await self._reader.read(self._pings.entry, self._events.entry, ENTRIES_AT_ONCE)
        if not pings and not events:
            # What dispatch had not turned into deliveries, or a crash has left, goes now.
            await self.trim()
            return 0
        async with self._lock:
            started_ms = monotonic_ms()
            await asyncio.to_thread(self._write, pings, events)
            RECORDER_COMMIT.observe((monotonic_ms() - started_ms) / 1000)
        await self.trim()
        return len(pings) + len(events)

    async def trim(self) -> None:
        """Remove from the streams what is in SQLite (events: and was turned into deliveries)."""
        if self._pings.appended_bytes:
            await trim_pings(self._shard, self._pings.entry, self._pings.appended_bytes)
        await trim_events(self._shard, self._events.entry)

    def _take_position(self, generation: str) -> None:
        shard = self._shard.keys.shard
        self._pings = self._writer.position(generation, shard, PINGS)
        self._events = self._writer.position(generation, shard, EVENTS)
        self._generation = generation

    def _write(self, pings: list[PingEntry], events: list[EventEntry]) -> None:
        rows = [row for entry in pings for row in ping_rows(entry)]
        changes = [change for entry in events if (change := incident_change(entry)) is not None]
        appended = max((entry.appended_bytes for entry in pings), default=0)
        pings_at = Position(pings[-1].id, max(appended, self._pings.appended_bytes)) if pings else self._pings
        events_at = Position(events[-1].id) if events else self._events
        shard = self._shard.keys.shard
        with self._writer.transaction():
            if rows:
                self._writer.add_pings(rows)
            self._writer.change_incidents(changes)
            self._writer.set_position(self._generation, shard, PINGS, pings_at)
            self._writer.set_position(self._generation, shard, EVENTS, events_at)
        self._pings, self._events = pings_at, events_at
        RECORDER_ROWS.labels(PINGS).inc(len(rows))
        RECORDER_ROWS.labels("incidents").inc(len(changes))
