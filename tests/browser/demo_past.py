"""The past of the small fleet: written into the books of a house that stands still, with the recorder's own writers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid5

import msgspec

from store.book.alert_writer import AlertState, AlertWriter
from store.book.database import CONFIG_DB
from store.book.history_reader import HISTORY_DB
from store.book.history_writer import HistoryWriter, IncidentChange, PingValues
from store.book.rule_reader import Rule, RuleReader
from store.book.sample_writer import SampleWriter, Taken
from store.flat_json import Complaint, Metrics, read_metrics
from store.live.packing import EventKind, MetricEvent
from store.recorder.judging import judge
from tests.browser.demo_fleet import DAYS, FLEET, D, S, Worker

# So many pings go into one transaction.
BATCH = 2000
SEED = UUID(int=7)


class Lived(msgspec.Struct, frozen=True):
    """A ping of the past."""

    at_ms: int
    worker: Worker
    body: bytes | None


def write_the_past(data: Path, now_ms: int) -> None:
    """What the fleet did until now. The monitors are as old as that."""
    with closing(sqlite3.connect(data / CONFIG_DB)) as config, config:
        config.execute(
            "UPDATE monitors SET created_ms = ? WHERE name != ?", (now_ms - DAYS * D, FLEET[-1].name)
        )
        ids = dict(config.execute("SELECT name, id FROM monitors").fetchall())
    lived = sorted(
        (
            Lived(at_ms, worker, worker.body_at(at_ms, now_ms))
            for worker in FLEET
            for at_ms in worker.arrivals(now_ms)
        ),
        key=lambda one: one.at_ms,
    )
    with (
        closing(RuleReader(data / CONFIG_DB)) as reader,
        closing(HistoryWriter(data / HISTORY_DB)) as history,
    ):
        rules = reader.read_if_changed()
        samples = SampleWriter(history)
        for start in range(0, len(lived), BATCH):
            with history.transaction():
                _write(history, samples, lived[start : start + BATCH], ids)
        with history.transaction():
            for worker in FLEET:
                history.change_incidents(_silences(worker, ids[worker.name], now_ms))
            for rule in rules.active if rules else ():
                _judge(history, rule, [one for one in lived if ids[one.worker.name] == rule.monitor_id])


def _write(history: HistoryWriter, samples: SampleWriter, lived: list[Lived], ids: dict[str, int]) -> None:
    first_id = history.add_pings([_ping(one, ids[one.worker.name]) for one in lived])
    samples.add(
        [
            Taken(ids[one.worker.name], one.at_ms, number, _metrics(one))
            for number, one in enumerate(lived, start=first_id)
            if one.body is not None
        ]
    )


def _ping(one: Lived, monitor_id: int) -> PingValues:
    kind = "application/json" if one.body else ""
    worker = one.worker
    method = "POST" if one.body else "GET"
    return (monitor_id, one.at_ms, "recorded", method, "", "", kind, worker.agent, worker.sender, one.body)


def _metrics(one: Lived) -> Metrics:
    found = read_metrics(one.body or b"{}")
    assert not isinstance(found, Complaint)
    return found


def _silences(worker: Worker, monitor_id: int, now_ms: int) -> list[IncidentChange]:
    """Each silence became an incident after the interval and the grace."""
    limit_ms = (worker.interval_s + worker.grace_s) * S
    known: list[tuple[int, int | None]] = [*worker.silent_ms(now_ms)]
    if worker.ends == "down":
        known.append((now_ms - worker.quiet_ms, None))
    return [
        IncidentChange(
            id=str(uuid5(SEED, f"{monitor_id} {start_ms}")),
            monitor_id=monitor_id,
            org_id=1,
            silence_ms=start_ms,
            started_ms=start_ms + limit_ms,
            ended_ms=end_ms,
        )
        for start_ms, end_ms in known
        if end_ms is None or end_ms > start_ms + limit_ms
    ]


def _judge(history: HistoryWriter, rule: Rule, lived: list[Lived]) -> None:
    """What the rule would have said to each value, had it been there."""
    state = AlertState(alert_id=rule.id, monitor_id=rule.monitor_id, version=rule.version)
    for one in lived:
        value = _metrics(one).get(rule.metric_key)
        if value is None:
            continue
        state, event = judge(rule, state, value, one.at_ms)
        if event is not None:
            history.change_incidents([_incident(rule, event)])
    AlertWriter(history).save([state])


def _incident(rule: Rule, event: MetricEvent) -> IncidentChange:
    return IncidentChange(
        id=str(event.incident_id),
        monitor_id=rule.monitor_id,
        org_id=rule.org_id,
        silence_ms=event.breach_ms,
        started_ms=event.started_ms,
        ended_ms=event.at_ms if event.kind is EventKind.CLEARED else None,
        kind="metric",
        alert_id=str(rule.public_id),
        metric_key=rule.metric_key,
    )
