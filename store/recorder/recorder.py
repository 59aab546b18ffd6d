"""Drains the streams of one shard into history.db, exactly once: rows and position in one transaction, then the trim.

A crash between the commit and the trim leaves entries in Redis that are in SQLite already; the position says so, and
they are trimmed with the next step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from store.book.history_writer import Position
from store.clock import monotonic_ms
from store.live.shard import Shard
from store.live.streams import EventEntry, PingEntry, StreamReader, trim_events, trim_pings
from store.metrics import RECORDER_COMMIT
from store.recorder.ledger import Batch, Ledger
from store.recorder.raising import Raising

ENTRIES_AT_ONCE = 200


class Recorder:
    """One shard's way into history.db. The ledger is shared by the recorders of all shards."""

    def __init__(self, shard: Shard, reader: StreamReader, ledger: Ledger) -> None:
        self._shard = shard
        self._reader = reader
        self._ledger = ledger
        self._raising = Raising(shard, ledger.alerts, ledger.lock)
        self._generation = ""
        self._pings = Position()
        self._events = Position()

    @property
    def alerts_waiting(self) -> int:
        """How many threshold alerts are in history.db, but not in Redis yet."""
        return self._raising.waiting

    def raise_soon(self, messages: Iterable[tuple[int, bytes]]) -> None:
        """Messages that somebody else has committed to the outbox of this shard."""
        self._raising.add(messages)

    async def step(self) -> int:
        """Carry what waits; answers how many entries that was. Waits up to a second for the first one.

        1. Take the position from SQLite when the generation is new to us. 2. Read. 3. Write rows, samples, what
        threshold rules have to tell, and position in one transaction. 4. Raise what they have to tell. 5. Trim.

        Raises:
            Unavailable: Redis or SQLite is away; nothing was lost, the step can be repeated.
        """
        if self._generation != self._shard.generation.value:
            self._take_position(self._shard.generation.value)
        pings, events = await self._reader.read(self._pings.entry, self._events.entry, ENTRIES_AT_ONCE)
        await self._write(pings, events)
        await self._raising.step()
        # Even when nothing was written: what dispatch had not turned into deliveries, or a crash has left, goes now.
        await self.trim()
        return len(pings) + len(events)

    async def trim(self) -> None:
        """Remove from the streams what is in SQLite (events: and was turned into deliveries)."""
        if self._pings.appended_bytes:
            await trim_pings(self._shard, self._pings.entry, self._pings.appended_bytes)
        await trim_events(self._shard, self._events.entry)

    def _take_position(self, generation: str) -> None:
        self._pings, self._events = self._ledger.position(generation, self._shard.keys.shard)
        self._generation = generation

    async def _write(self, pings: list[PingEntry], events: list[EventEntry]) -> None:
        """Write entries, and what follows from rules that changed while nobody pinged."""
        async with self._ledger.lock:
            if not pings and not events and not await asyncio.to_thread(self._ledger.rules_changed):
                return
            appended = max((entry.appended_bytes for entry in pings), default=0)
            batch = Batch(
                self._shard.keys.shard,
                self._generation,
                pings,
                events,
                Position(pings[-1].id, max(appended, self._pings.appended_bytes)) if pings else self._pings,
                Position(events[-1].id) if events else self._events,
            )
            started_ms = monotonic_ms()
            self._raising.add(await asyncio.to_thread(self._ledger.write, batch))
            RECORDER_COMMIT.observe((monotonic_ms() - started_ms) / 1000)
        self._pings, self._events = batch.pings_at, batch.events_at
