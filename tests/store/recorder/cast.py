"""The recorder on stage: real scripts, real SQLite, a clock of the test's own, and a recorder that can be killed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec

from store.beat import Beat, BeatRow, encode_history
from store.book import channels, metric_alerts, monitors, orgs
from store.book.alert_reader import AlertReader, Standing
from store.book.channels import NewChannel
from store.book.database import CONFIG_DB, ConfigBook
from store.book.history_reader import HISTORY_DB, HistoryReader
from store.book.history_writer import HistoryWriter
from store.book.metric_alerts import AlertRow, Wanted
from store.book.monitors import MonitorChanges, MonitorRow
from store.book.rule_reader import RuleReader
from store.book.sample_reader import SampleReader
from store.live.heads import LIFE_ONLY, pack_head
from store.live.packing import MetricEvent, read_event
from store.live.streams import StreamReader
from store.recorder.ledger import Ledger
from store.recorder.recorder import Recorder
from tests.stage import START_MS, Stage
from tests.store.book.cast import NOW_MS, new_monitor

Json = dict[str, Any]


class Killed(Exception):
    """The recorder has died here."""


def beat_of(body: bytes) -> Beat:
    return Beat("POST", b"h", b"", b"", b"u", "127.0.0.1", body)


class Desk:
    """A recorder with its books and the live side that it reads. Times are seconds after the start of the stage."""

    def __init__(self, stage: Stage, data: Path, book: ConfigBook) -> None:
        self.stage = stage
        self.data = data
        self.book = book
        self.org_id = 0
        self.history = HistoryReader(data / HISTORY_DB)
        self.samples = SampleReader(data / HISTORY_DB)

    async def open(self) -> None:
        self.org_id = (await orgs.create(self.book, "ours", NOW_MS)).id
        self.begin()

    def begin(self) -> None:
        """A recorder starts."""
        self.writer = HistoryWriter(self.data / HISTORY_DB)
        self.rules = RuleReader(self.data / CONFIG_DB)
        self.ledger = Ledger(self.writer, self.rules)
        self.reader = StreamReader(self.stage.live.url, self.stage.shard)
        self.recorder = Recorder(self.stage.shard, self.reader, self.ledger)

    async def end(self) -> None:
        """It is gone, with whatever it had not committed."""
        self.rules.close()
        self.writer.close()
        await self.reader.aclose()

    async def begin_again(self) -> None:
        await self.end()
        self.begin()

    async def monitor(self) -> MonitorRow:
        row, change = await monitors.create(self.book, new_monitor(self.org_id), NOW_MS)
        await self.stage.live.project(change.projection)
        return row

    async def change(self, monitor: MonitorRow, changes: MonitorChanges) -> None:
        _, change = await monitors.change(self.book, self.org_id, monitor.config.public_id, changes, NOW_MS)
        if change is not None:
            await self.stage.live.project(change.projection)

    async def delete(self, monitor: MonitorRow) -> None:
        _, change = await monitors.delete(self.book, self.org_id, monitor.config.public_id, NOW_MS)
        await self.stage.live.project(change.projection)

    async def channel(self) -> UUID:
        new = NewChannel(org_id=self.org_id, type="webhook", name="ops", settings=b"{}")
        row, change = await channels.create(self.book, new, NOW_MS)
        await self.stage.live.project(change.projection)
        return row.public_id

    async def delete_channel(self, channel: UUID) -> None:
        change = await channels.delete(self.book, self.org_id, channel, NOW_MS)
        await self.stage.live.project(change.projection)

    async def rule(
        self,
        monitor: MonitorRow,
        operator: Literal[">", "<", ">=", "<=", "=", "!="] = ">",
        threshold: float | str = 10.0,
        *,
        key: str = "load",
        channel: UUID | None = None,
        times: int = 1,
    ) -> AlertRow:
        wanted = Wanted(
            metric_key=key,
            operator=operator,
            threshold=threshold,
            channel=channel or await self.channel(),
            consecutive_triggers=times,
        )
        return await metric_alerts.create(self.book, self.org_id, monitor.config.id, wanted, NOW_MS)

    async def change_rule(self, rule: AlertRow, **changes: Any) -> None:
        await metric_alerts.change(self.book, self.org_id, rule.monitor_id, rule.public_id, changes)

    async def delete_rule(self, rule: AlertRow) -> None:
        await metric_alerts.delete(self.book, self.org_id, rule.monitor_id, rule.public_id)

    async def ping(
        self, monitor: MonitorRow, *bodies: Json | bytes, at: float | None = None, life_only: bool = False
    ) -> None:
        """One batch with a ping per body; `at` is when they arrived, by default now."""
        arrival_ms = self.stage.now_ms if at is None else START_MS + round(at * 1000)
        rows, heads = [], []
        for body in bodies or (b"",):
            sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
            rows.append(BeatRow(monitor.config.id, arrival_ms, beat_of(sent)))
            heads.append(pack_head(arrival_ms, 1, monitor.config.version, LIFE_ONLY if life_only else 0))
        ids = [str(monitor.config.id).encode()] * len(rows)
        await self.stage.writer.record(ids, b"".join(heads), encode_history(rows), self.stage.now_ms)

    async def values(self, monitor: MonitorRow, *values: float | str | None, key: str = "load") -> None:
        """One batch a second, each with one value (None: a ping without the key), recorded one by one."""
        for value in values:
            await self.ping(monitor, b"" if value is None else {key: value})
            await self.record()
            await self.pass_seconds(1)

    async def pass_seconds(self, seconds: float) -> None:
        await self.stage.move_to((self.stage.now_ms - START_MS) / 1000 + seconds)

    async def record(self) -> None:
        """Until nothing is left."""
        while await self.recorder.step():
            pass

    async def raised(self) -> list[MetricEvent]:
        """All events of metrics that are in Redis."""
        entries = await self.stage.redis.xrange(self.stage.shard.keys.events)
        found = [read_event(fields[b"e"]) for _, fields in entries]
        return [event for event in found if isinstance(event, MetricEvent)]

    async def told(self) -> list[tuple[str, float | str, float]]:
        """The same as (kind, value, second)."""
        return [
            (event.kind.name.lower(), event.told.value, (event.at_ms - START_MS) / 1000)
            for event in await self.raised()
        ]

    async def incidents(self, monitor: MonitorRow) -> list[tuple[float, float | None]]:
        """Start and end in seconds of the incidents of metrics, oldest first."""
        rows = [row for row in await self.history.incidents(monitor.config.id, 1000) if row.kind == "metric"]
        return [
            (_second(row.started_ms), None if row.ended_ms is None else _second(row.ended_ms)) for row in rows
        ][::-1]

    async def standing(self, rule: AlertRow) -> Standing | None:
        return (await AlertReader(self.data / HISTORY_DB).standings([rule.id])).get(rule.id)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self.writer.connection.execute(sql, values))


def _second(at_ms: int) -> float:
    return (at_ms - START_MS) / 1000
