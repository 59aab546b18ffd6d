"""One transaction of the recorder: pings, samples, incidents, deliveries, what rules have to tell, and the position."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from store.book.alert_writer import AlertWriter
from store.book.history_writer import HistoryWriter, Position
from store.book.letter_writer import Growth, LetterWriter, NewDelivery
from store.book.rule_reader import RuleReader
from store.book.sample_writer import SampleWriter
from store.clock import wall_ms
from store.fault_points import reach
from store.live.letters import LetterEntry
from store.live.streams import EventEntry, PingEntry
from store.metrics import METRIC_KEYS_REFUSED, RECORDER_ROWS
from store.recorder.alerting import Alerting
from store.recorder.letters import changes_of, lost, untold_of
from store.recorder.rows import incident_change, ping_rows, samples_of

PINGS = "pings"
STREAMS = (PINGS, "events", "letters")


class Positions(msgspec.Struct, frozen=True):
    """Up to where each stream of a shard was read; the fields are in the order of STREAMS."""

    pings: Position = Position()
    events: Position = Position()
    letters: Position = Position()


class Batch(msgspec.Struct, frozen=True):
    """What was read from the streams of a shard, and up to where that is.

    `ends_rebuild`: all events that a rebuild has put back are here by now.
    """

    shard: int
    generation: str
    pings: Sequence[PingEntry]
    events: Sequence[EventEntry]
    letters: Sequence[LetterEntry]
    at: Positions
    ends_rebuild: bool = False


class Ledger:
    """history.db as the recorders of all shards write it; one at a time, under `lock`."""

    def __init__(self, history: HistoryWriter, rules: RuleReader) -> None:
        self.lock = asyncio.Lock()
        self.history = history
        self.samples = SampleWriter(history)
        self.alerts = AlertWriter(history)
        self.letters = LetterWriter(history)
        self._alerting = Alerting(rules, history, self.samples)

    def positions(self, generation: str, shard: int) -> Positions:
        """Up to where the streams of a shard are in this file."""
        return Positions(*(self.history.position(generation, shard, one) for one in STREAMS))

    def take_back(self, generation: str, shard: int, at: Positions, dispatched: str) -> None:
        """Streams hold less than was read; so do deliveries know less than the last event that they were made of.

        Raises:
            Unavailable: SQLite cannot; nothing was written.
        """
        with self.history.transaction():
            for stream, position in zip(STREAMS, msgspec.structs.astuple(at), strict=True):
                self.history.set_position(generation, shard, stream, position)
            self.letters.take_back_dispatched(generation, shard, dispatched)

    def rules_changed(self) -> bool:
        """Whether there is something to write although nothing was pinged.

        Raises:
            Unavailable: config.db cannot be read now.
        """
        return self._alerting.look()

    def write(self, batch: Batch) -> list[tuple[int, bytes]]:
        """Write a batch; answers the messages that this put into the outbox.

        Raises:
            Unavailable: SQLite cannot; nothing was written, and it can be repeated.
        """
        self._alerting.look()
        now_ms = wall_ms()
        rows = ping_rows(batch.pings)
        changes = [change for entry in batch.events if (change := incident_change(entry)) is not None]
        with self.history.transaction():
            self._alerting.follow(now_ms)
            first_id = self.history.add_pings(rows.pings, rows.said) if rows.pings else 0
            taken = samples_of(rows, first_id)
            counted = self.samples.add(taken)
            messages = self._alerting.judge(taken, batch.shard, now_ms)
            self.history.change_incidents(changes)
            deliveries, attempts = self._write_letters(batch)
            for stream, position in zip(STREAMS, msgspec.structs.astuple(batch.at), strict=True):
                self.history.set_position(batch.generation, batch.shard, stream, position)
            reach("recorder.written")
        RECORDER_ROWS.labels(PINGS).inc(len(rows.pings))
        RECORDER_ROWS.labels("samples").inc(counted.samples)
        RECORDER_ROWS.labels("incidents").inc(len(changes))
        RECORDER_ROWS.labels("deliveries").inc(deliveries)
        RECORDER_ROWS.labels("attempts").inc(attempts)
        METRIC_KEYS_REFUSED.inc(counted.refused)
        return messages

    def drop_lost(self, shard: int, live_ids: Sequence[str]) -> None:
        """Note that Redis does not know these deliveries any more."""
        now_ms = wall_ms()
        with self.history.transaction():
            for live_id in live_ids:
                self.letters.move(shard, lost(live_id, now_ms))

    def _write_letters(self, batch: Batch) -> tuple[int, int]:
        """Events before deliveries, because one that is dispatched is not kept; how many deliveries and attempts."""
        events = [event for entry in batch.events if (event := untold_of(entry)) is not None]
        self.letters.note_untold(batch.generation, batch.shard, events)
        if batch.events or batch.letters:
            dispatched = next((one.dispatched for one in reversed(batch.letters) if one.dispatched), "")
            self.letters.note_dispatched(batch.generation, batch.shard, dispatched)
        if batch.ends_rebuild:
            self.letters.forget_former_untold(batch.generation, batch.shard)
        deliveries = attempts = 0
        for change in (change for entry in batch.letters for change in changes_of(entry)):
            if isinstance(change, NewDelivery):
                self.letters.make(batch.shard, change)
                deliveries += 1
            elif isinstance(change, Growth):
                self.letters.grow(batch.shard, change)
            elif self.letters.move(batch.shard, change) and change.attempt:
                attempts += 1
        return deliveries, attempts
