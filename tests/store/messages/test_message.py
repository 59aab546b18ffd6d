"""What a channel is told: the contract's JSON, with ids that are the same whenever the same thing is told."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from store.last_ping import LastPing, Noted
from store.live.event_kind import Cause
from store.live.packing import Event, EventKind
from store.live.unheard_event import FleetUnheard, MonitorUnheard, UnheardEvent
from store.messages.message import notice_of

SILENCE_MS = 1_772_416_893_000
MONITOR = UUID("0b6c6c3e-9a6e-4c11-8f3e-2f3a4b5c6d7e")
DOWN = Event(
    kind=EventKind.DOWN,
    at_ms=SILENCE_MS + 90_123,
    silence_ms=SILENCE_MS,
    started_ms=SILENCE_MS + 90_123,
    seen_ms=SILENCE_MS,
    monitor_id=7,
    org_id=1,
    interval_s=60,
    grace_s=30,
    public_id=MONITOR,
    name="Nächtliche Sicherung",
)
UP = msgspec.structs.replace(DOWN, kind=EventKind.UP, at_ms=SILENCE_MS + 100_000)


def test_a_down_says_who_and_since_when() -> None:
    assert msgspec.json.decode(notice_of(DOWN).body) == {
        "type": "monitor.down",
        "timestamp": "2026-03-02T02:03:03.123Z",
        "data": {
            "monitor": {
                "id": str(MONITOR),
                "name": "Nächtliche Sicherung",
                "interval": 60,
                "gracePeriod": 30,
                "lastPingAt": "2026-03-02T02:01:33.000Z",
                "schedule": None,
            },
            "incident": {
                "id": str(DOWN.incident_id),
                "kind": "silence",
                "startedAt": "2026-03-02T02:03:03.123Z",
                "endedAt": None,
                "delayedBySeconds": None,
            },
            "lastPing": None,
        },
    }


def test_an_up_says_when_it_ended_and_names_the_same_incident() -> None:
    message = msgspec.json.decode(notice_of(UP).body)
    assert (message["type"], message["timestamp"]) == ("monitor.up", "2026-03-02T02:03:13.000Z")
    assert message["data"]["incident"] == {
        "id": str(DOWN.incident_id),
        "kind": "silence",
        "startedAt": "2026-03-02T02:03:03.123Z",
        "endedAt": "2026-03-02T02:03:13.000Z",
        "delayedBySeconds": None,
    }


def test_a_monitor_that_never_pinged_has_no_last_ping() -> None:
    never = msgspec.structs.replace(DOWN, seen_ms=0)
    assert msgspec.json.decode(notice_of(never).body)["data"]["monitor"]["lastPingAt"] is None


def test_the_same_event_is_told_with_the_same_bytes_and_id() -> None:
    assert notice_of(DOWN) == notice_of(msgspec.structs.replace(DOWN))


def test_down_and_up_of_an_incident_have_ids_of_their_own_without_a_dot() -> None:
    ids = [notice_of(event).event_id for event in (DOWN, UP)]
    assert len(set(ids)) == 2
    assert all(UUID(one).version == 5 and "." not in one for one in ids)


def test_an_incident_is_told_with_the_same_id_when_it_is_noticed_twice() -> None:
    again = msgspec.structs.replace(
        DOWN, at_ms=DOWN.at_ms + 5, started_ms=DOWN.started_ms + 5, name="renamed"
    )
    assert notice_of(again).event_id == notice_of(DOWN).event_id


@pytest.mark.parametrize("change", [{"public_id": UUID(int=1)}, {"silence_ms": SILENCE_MS + 1}])
def test_another_monitor_or_another_silence_is_another_incident(change: dict[str, object]) -> None:
    other = msgspec.structs.replace(DOWN, **change)
    assert other.incident_id != DOWN.incident_id
    assert notice_of(other).event_id != notice_of(DOWN).event_id


def test_an_incident_that_blind_time_delayed_says_so() -> None:
    delayed = [msgspec.structs.replace(event, delayed_ms=61_500) for event in (DOWN, UP)]
    told = [msgspec.json.decode(notice_of(event).body)["data"]["incident"] for event in delayed]
    assert [one["delayedBySeconds"] for one in told] == [61.5, 61.5]


UNHEARD = UnheardEvent(
    from_ms=SILENCE_MS,
    to_ms=SILENCE_MS + 90_123,
    org_id=1,
    public_id=UUID(int=1),
    told=FleetUnheard(7, [MonitorUnheard(MONITOR, "Nächtliche Sicherung")]),
)


def test_an_unheard_fleet_is_told_from_when_to_when_and_whom_it_concerns() -> None:
    assert msgspec.json.decode(notice_of(UNHEARD).body) == {
        "type": "fleet.unheard",
        "timestamp": "2026-03-02T02:03:03.123Z",
        "data": {
            "from": "2026-03-02T02:01:33.000Z",
            "to": "2026-03-02T02:03:03.123Z",
            "seconds": 90.123,
            "goesOn": False,
            "monitors": {
                "count": 7,
                "examples": [{"id": str(MONITOR), "name": "Nächtliche Sicherung"}],
            },
        },
    }


def test_each_organisation_and_each_time_has_a_message_of_its_own() -> None:
    replace = msgspec.structs.replace
    others = [
        replace(UNHEARD, public_id=UUID(int=2)),
        replace(UNHEARD, from_ms=1),
        replace(UNHEARD, to_ms=SILENCE_MS + 1),
    ]
    ids = {notice_of(event).event_id for event in (UNHEARD, *others)}
    assert len(ids) == 4
    assert notice_of(replace(UNHEARD, told=FleetUnheard(8, []))).event_id == notice_of(UNHEARD).event_id


@pytest.mark.parametrize(("cause", "kind"), [(Cause.FAILED, "fail"), (Cause.OVERRUN, "overrun")])
def test_an_incident_says_why_in_its_down_and_its_up(cause: Cause, kind: str) -> None:
    told = [
        msgspec.json.decode(notice_of(msgspec.structs.replace(event, cause=cause)).body)["data"]
        for event in (DOWN, UP)
    ]
    assert [one["incident"]["kind"] for one in told] == [kind, kind]


def test_a_schedule_is_told_with_its_monitor() -> None:
    scheduled = msgspec.structs.replace(DOWN, schedule="@daily (UTC)")
    assert msgspec.json.decode(notice_of(scheduled).body)["data"]["monitor"]["schedule"] == "@daily (UTC)"


def test_each_reminder_has_an_id_of_its_own_and_no_end() -> None:
    first = msgspec.structs.replace(DOWN, kind=EventKind.REMINDER, at_ms=DOWN.at_ms + 60_000)
    second = msgspec.structs.replace(first, at_ms=first.at_ms + 60_000)
    assert len({notice_of(one).event_id for one in (DOWN, first, second, UP)}) == 4
    message = msgspec.json.decode(notice_of(first).body)
    assert message["type"] == "monitor.reminder"
    assert message["data"]["incident"] == msgspec.json.decode(notice_of(DOWN).body)["data"]["incident"]


def test_the_last_ping_is_told_with_all_that_is_known_of_it() -> None:
    ping = LastPing(SILENCE_MS, "10.0.0.5", "curl", "fail", 3, "out", True)
    assert msgspec.json.decode(notice_of(DOWN, Noted(ping)).body)["data"]["lastPing"] == {
        "at": "2026-03-02T02:01:33.000Z",
        "from": "10.0.0.5",
        "userAgent": "curl",
        "signal": "fail",
        "exitCode": 3,
        "message": "out",
        "isCut": True,
    }


def test_what_is_told_of_a_monitor_has_the_address_of_its_page_where_that_is_known() -> None:
    base, page = "https://overdue.example.org", f"https://overdue.example.org/monitors/{MONITOR}"
    for event in (DOWN, UP):
        assert msgspec.json.decode(notice_of(event, base_url=base).body)["data"]["url"] == page
        assert "url" not in msgspec.json.decode(notice_of(event).body)["data"]
