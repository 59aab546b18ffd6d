"""Drains the streams of one shard into history.db, exactly once: rows and position in one transaction, then the trim.

A crash between the commit and the trim leaves entries in Redis that are in SQLite already; the position says so, and
they are trimmed with the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from store.book.history_writer import Position
from store.book.threads import in_thread
from store.clock import monotonic_ms
from store.fault_points import reach
from store.live.dead_letters import find_lost
from store.live.letters import LetterEntry
from store.live.shard import Shard
from store.live.streams import (
    Entries,
    EventEntry,
    FallenBehind,
    PingEntry,
    StreamReader,
    trim_events,
    trim_letters,
    trim_pings,
)
from store.metrics import RECORDER_COMMIT
from store.recorder.ledger import Batch, Ledger, Positions
from store.recorder.raising import Raising
from store.recorder.taking_back import holds_others, take_back

ENTRIES_AT_ONCE = 200
COMPARE_EVERY_MS = 60_000
COMPARED_AT_ONCE = 500


class Recorder:
    """One shard's way into history.db. The ledger is shared by the recorders of all shards."""

    def __init__(self, shard: Shard, reader: StreamReader, ledger: Ledger) -> None:
        self._shard = shard
        self._reader = reader
        self._ledger = ledger
        self._raising = Raising(shard, ledger.alerts, ledger.lock)
        self._generation = ""
        self._at = Positions()
        self._last_event = b""
        self._after_rebuild = True
        self._compared_ms = 0
        self._compared_up_to = 0

    @property
    def alerts_waiting(self) -> int:
        """How many threshold alerts are in history.db, but not in Redis yet."""
        return self._raising.waiting

    def raise_soon(self, messages: Iterable[tuple[int, bytes]]) -> None:
        """Messages that somebody else has committed to the outbox of this shard."""
        self._raising.add(messages)

    async def step(self) -> int:
        """Carry what waits; answers how many entries that was. Waits up to a second for the first one.

        1. Take the position from SQLite when the generation is new to us. 2. Read; where Redis has fallen behind
        that, take it back first. 3. Write rows, samples, what threshold rules have to tell, deliveries, and
        position in one transaction. 4. Raise what they have to tell. 5. Trim.

        Raises:
            Unavailable: Redis or SQLite is away; nothing was lost, the step can be repeated.
        """
        if self._generation != self._shard.generation.value:
            self._take_position(self._shard.generation.value)
        pings, events, letters = await self._read()
        reach("recorder.read")
        await self._write(pings, events, letters)
        reach("recorder.committed")
        await self._raising.step()
        # Even when nothing was written: what dispatch had not turned into deliveries, or a crash has left, goes now.
        await self.trim()
        await self._compare()
        return len(pings) + len(events) + len(letters)

    async def _read(self) -> Entries:
        """What comes after the position; where Redis has fallen behind that, it is taken back first."""
        while True:
            at, number = self._at, self._shard.keys.shard
            try:
                found = await self._reader.read(
                    at.pings.entry, at.events.entry, at.letters.entry, ENTRIES_AT_ONCE
                )
                is_behind = self._holds_another_event() or await holds_others(
                    self._reader, self._ledger, number
                )
            except FallenBehind:
                is_behind = True
            if not is_behind:
                return found
            self._at = await take_back(self._reader, self._ledger, self._generation, number, at)

    def _holds_another_event(self) -> bool:
        _, events, _ = self._reader.left
        return any(one.event != self._last_event for one in events)

    async def trim(self) -> None:
        """Remove from the streams what is in SQLite (events: and was turned into deliveries)."""
        at = self._at
        if at.pings.appended_bytes:
            await trim_pings(self._shard, at.pings.entry, at.pings.appended_bytes)
            reach("recorder.trimmed")
        if at.letters.appended_bytes:
            await trim_letters(self._shard, at.letters.entry, at.letters.appended_bytes)
        await trim_events(self._shard, at.events.entry)

    def _take_position(self, generation: str) -> None:
        # Events that are left are read once more, so that we know what they are: it is there once all the same.
        known = self._ledger.positions(generation, self._shard.keys.shard)
        self._at = msgspec.structs.replace(known, events=Position())
        self._generation = generation
        self._after_rebuild = True

    async def _write(
        self, pings: list[PingEntry], events: list[EventEntry], letters: list[LetterEntry]
    ) -> None:
        """Write entries, and what follows from rules that changed while nobody pinged."""
        # What a rebuild has put back stands before everything else that happened since.
        ends_rebuild = self._after_rebuild and not (events and events[-1].restored_from)
        async with self._ledger.lock:
            is_idle = not (pings or events or letters or ends_rebuild)
            if is_idle and not await in_thread(self._ledger.rules_changed):
                return
            batch = Batch(
                shard=self._shard.keys.shard,
                generation=self._generation,
                pings=pings,
                events=events,
                letters=letters,
                at=Positions(
                    _moved(self._at.pings, pings),
                    Position(events[-1].id) if events else self._at.events,
                    _moved(self._at.letters, letters),
                ),
                ends_rebuild=ends_rebuild,
            )
            started_ms = monotonic_ms()
            self._raising.add(await in_thread(self._ledger.write, batch))
            RECORDER_COMMIT.observe((monotonic_ms() - started_ms) / 1000)
        self._at = batch.at
        self._last_event = events[-1].event if events else self._last_event
        self._after_rebuild = self._after_rebuild and not ends_rebuild

    async def _compare(self) -> None:
        """Now and then: drop from the log what Redis has lost; a crash of its own may have cost it its last moments."""
        if self._compared_ms and monotonic_ms() - self._compared_ms < COMPARE_EVERY_MS:
            return
        self._compared_ms, shard = monotonic_ms(), self._shard.keys.shard
        async with self._ledger.lock:
            known = self._ledger.letters.open_after(shard, self._compared_up_to, COMPARED_AT_ONCE)
            self._compared_up_to = known[-1][0] if len(known) == COMPARED_AT_ONCE else 0
            lost = await find_lost(self._shard, [live_id for _, live_id in known]) if known else []
            if lost:
                await in_thread(self._ledger.drop_lost, shard, lost)


def _moved(position: Position, entries: Sequence[PingEntry] | Sequence[LetterEntry]) -> Position:
    """The position after these entries; what was appended up to there never shrinks."""
    if not entries:
        return position
    appended = max(entry.appended_bytes for entry in entries)
    return Position(entries[-1].id, max(appended, position.appended_bytes))
