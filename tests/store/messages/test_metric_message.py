"""What a channel is told."""

from __future__ import annotations

import json
from uuid import UUID

import msgspec
import pytest

from store.live.packing import AlertTold, EventKind, MetricEvent
from store.messages.message import notice_of
from store.metric_alert import incident_of

AT_MS = 1_800_000_000_000
EVENT = MetricEvent(
    kind=EventKind.BREACHED,
    at_ms=AT_MS,
    breach_ms=AT_MS - 2000,
    started_ms=AT_MS,
    seen_ms=AT_MS,
    monitor_id=1,
    org_id=1,
    interval_s=60,
    grace_s=30,
    public_id=UUID(int=1),
    channel_id=7,
    alert_id=9,
    told=AlertTold("job", UUID(int=2), "queue_size", ">", 100.0, 3, 140.5),
)
BREACHED = {
    "type": "metric.breached",
    "timestamp": "2027-01-15T08:00:00.000Z",
    "data": {
        "monitor": {
            "id": str(UUID(int=1)),
            "name": "job",
            "interval": 60,
            "gracePeriod": 30,
            "lastPingAt": "2027-01-15T08:00:00.000Z",
        },
        "incident": {
            "id": str(incident_of(UUID(int=2), AT_MS - 2000)),
            "kind": "metric",
            "startedAt": "2027-01-15T08:00:00.000Z",
            "endedAt": None,
            "delayedBySeconds": None,
        },
        "alert": {
            "id": str(UUID(int=2)),
            "metricKey": "queue_size",
            "operator": ">",
            "threshold": 100.0,
            "consecutiveTriggers": 3,
        },
        "value": 140.5,
    },
}


def test_a_breach_is_told_with_its_rule_and_the_value() -> None:
    assert json.loads(notice_of(EVENT).body) == BREACHED


def test_the_end_of_a_breach_has_the_same_incident_and_another_id() -> None:
    cleared = msgspec.structs.replace(
        EVENT, kind=EventKind.CLEARED, at_ms=AT_MS + 5000, seen_ms=AT_MS + 5000,
        told=msgspec.structs.replace(EVENT.told, value=20.0),
    )  # fmt: skip
    told = json.loads(notice_of(cleared).body)

    assert told["type"] == "metric.cleared"
    assert told["timestamp"] == told["data"]["incident"]["endedAt"] == "2027-01-15T08:00:05.000Z"
    assert told["data"]["incident"] == BREACHED["data"]["incident"] | {"endedAt": told["timestamp"]}  # type: ignore[index]
    assert told["data"]["value"] == 20.0
    assert notice_of(cleared).event_id != notice_of(EVENT).event_id


@pytest.mark.parametrize("value", ["failed", "", 'with "quotes" and ünïcödé'])
def test_texts_are_told_as_texts(value: str) -> None:
    event = msgspec.structs.replace(
        EVENT, told=msgspec.structs.replace(EVENT.told, operator="!=", threshold="complete", value=value)
    )

    data = json.loads(notice_of(event).body)["data"]

    assert (data["value"], data["alert"]["threshold"]) == (value, "complete")


def test_the_same_event_is_the_same_bytes_and_the_same_id() -> None:
    again = msgspec.structs.replace(EVENT)

    assert notice_of(again) == notice_of(EVENT)


def test_it_has_the_address_of_the_monitors_page_where_that_is_known() -> None:
    sent = json.loads(notice_of(EVENT, base_url="https://overdue.example.org").body)
    assert sent["data"].pop("url") == f"https://overdue.example.org/monitors/{EVENT.public_id}"
    assert sent == BREACHED
