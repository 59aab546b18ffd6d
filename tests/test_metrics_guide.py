"""The guide to metrics and alerts shows what the code does: replies with all their fields, bodies that are taken."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from ingest.api.metric_alerts import CreateMetricAlert, MetricAlertReply
from ingest.api.metrics import MetricReply, MetricsReply, PointReply, PointsReply
from store.flat_json import Complaint, read_metrics
from store.live.packing import AlertTold, EventKind, MetricEvent
from store.messages.message import notice_of
from store.settings import TABLE
from tests.test_docs import DOCS, blocks, milliseconds, objects

GUIDE = DOCS / "metrics-and-alerts.md"


def commands(page: Path) -> list[str]:
    """What its curl lines send."""
    return re.findall(r"-d '(.*)'", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "reply",
    [MetricsReply, MetricReply, PointsReply, PointReply, MetricAlertReply],
    ids=lambda one: str(one.__name__),
)
def test_every_reply_is_shown_with_all_of_its_fields(reply: type[msgspec.Struct]) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(reply)}

    assert fields in [set(one) for block in blocks(GUIDE, "json") for one in objects(json.loads(block))]


def test_the_bodies_that_are_shown_are_taken() -> None:
    metrics, rule = commands(GUIDE)

    assert not isinstance(read_metrics(metrics.encode()), Complaint)
    msgspec.json.decode(rule, type=CreateMetricAlert)


def test_the_message_that_is_shown_is_what_would_be_sent() -> None:
    shown = next(
        one for one in map(json.loads, blocks(GUIDE, "json")) if one.get("type") == "metric.breached"
    )
    monitor, alert = shown["data"]["monitor"], shown["data"]["alert"]
    at_ms = milliseconds(shown["timestamp"])
    event = MetricEvent(
        kind=EventKind.BREACHED,
        at_ms=at_ms,
        breach_ms=at_ms,
        started_ms=at_ms,
        seen_ms=at_ms,
        monitor_id=1,
        org_id=1,
        interval_s=monitor["interval"],
        grace_s=monitor["gracePeriod"],
        public_id=UUID(monitor["id"]),
        channel_id=1,
        alert_id=1,
        told=AlertTold(
            monitor["name"],
            UUID(alert["id"]),
            alert["metricKey"],
            alert["operator"],
            alert["threshold"],
            alert["consecutiveTriggers"],
            shown["data"]["value"],
        ),
    )
    sent = json.loads(notice_of(event).body)

    del shown["data"]["incident"]["id"], sent["data"]["incident"]["id"]
    assert sent == shown


def test_how_long_it_is_kept_is_what_the_settings_say() -> None:
    kept = re.findall(r"\| (\d+) days \| `OVERDUE_(\w+)` \|", GUIDE.read_text(encoding="utf-8"))

    defaults = {one.name: one.default for one in TABLE}
    assert {name.lower(): days for days, name in kept} == {
        name: defaults[name] for name in ("samples_days", "minutes_days", "hours_days")
    }
