"""One transaction of the recorder: pings, samples, incidents, what rules have to tell, and the position."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from store.book.alert_writer import AlertWriter
from store.book.history_writer import HistoryWriter, Position
from store.book.rule_reader import RuleReader
from store.book.sample_writer import SampleWriter
from store.clock import wall_ms
from store.live.streams import EventEntry, PingEntry
from store.metrics import METRIC_KEYS_REFUSED, RECORDER_ROWS
from store.recorder.alerting import Alerting
from store.recorder.rows import incident_change, ping_rows, samples_of

PINGS, EVENTS = "pings", "events"


class Batch(msgspec.Struct, frozen=True):
    """What was read from the streams of a shard, and up to where that is."""

    shard: int
    generation: str
    pings: Sequence[PingEntry]
    events: Sequence[EventEntry]
    pings_at: Position
    events_at: Position


class Ledger:
    """history.db as the recorders of all shards write it; one at a time, under `lock`."""

    def __init__(self, history: HistoryWriter, rules: RuleReader) -> None:
        self.lock = asyncio.Lock()
        self.history = history
        self.samples = SampleWriter(history)
        self.alerts = AlertWriter(history)
        self._alerting = Alerting(rules, history, self.samples)

    def position(self, generation: str, shard: int) -> tuple[Position, Position]:
        """Up to where the pings and the events of a shard are in this file."""
        history = self.history
        return history.position(generation, shard, PINGS), history.position(generation, shard, EVENTS)

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
        pings = [row for entry in batch.pings for row in ping_rows(entry)]
        changes = [change for entry in batch.events if (change := incident_change(entry)) is not None]
        with self.history.transaction():
            self._alerting.follow(now_ms)
            first_id = self.history.add_pings(pings) if pings else 0
            taken = samples_of(pings, first_id)
            counted = self.samples.add(taken)
            messages = self._alerting.judge(taken, batch.shard, now_ms)
            self.history.change_incidents(changes)
            self.history.set_position(batch.generation, batch.shard, PINGS, batch.pings_at)
            self.history.set_position(batch.generation, batch.shard, EVENTS, batch.events_at)
        RECORDER_ROWS.labels(PINGS).inc(len(pings))
        RECORDER_ROWS.labels("samples").inc(counted.samples)
        RECORDER_ROWS.labels("incidents").inc(len(changes))
        METRIC_KEYS_REFUSED.inc(counted.refused)
        return messages
