"""Pings by outcome and time, the body of one ping, and the incidents of all monitors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from store.beat import Signal, Signalled
from store.book.history_writer import HistoryWriter, IncidentChange
from store.book.signals import Said
from store.clock import wall_ms
from store.timestamps import rfc3339
from tests.ingest.api.cast import Api, Json

DAY_MS = 86_400_000
NOON_MS = 20_620 * DAY_MS + DAY_MS // 2


@pytest.fixture
def history(api: Api) -> Iterator[HistoryWriter]:
    with closing(HistoryWriter(api.settings.data / "history.db")) as history:
        yield history


def add(
    history: HistoryWriter, *pings: tuple[int, str], monitor_id: int = 1, body: bytes | None = None
) -> None:
    """Pings with when they arrived and what became of them."""
    with history.transaction():
        history.add_pings(
            [(monitor_id, at_ms, outcome, "POST", "h", "", "", "", "s", body) for at_ms, outcome in pings]
        )


def incident(
    history: HistoryWriter, name: str, started_ms: int, ended_ms: int | None = None, **more: Any
) -> None:
    with history.transaction():
        one = {"monitor_id": 1, "org_id": 1, "silence_ms": started_ms, **more}
        history.change_incidents([IncidentChange(id=name, started_ms=started_ms, ended_ms=ended_ms, **one)])


async def ids(api: Api, **query: Any) -> list[int]:
    [monitor] = (await api.owner.get("/api/monitors")).json()["monitors"]
    reply = await api.owner.get(f"/api/monitors/{monitor['id']}/pings", params=query)
    return [one["id"] for one in reply.json()["pings"]]


async def test_pings_are_found_by_outcome(api: Api, history: HistoryWriter) -> None:
    await api.monitor()
    add(
        history,
        (NOON_MS, "recorded"),
        (NOON_MS, "paused"),
        (NOON_MS + DAY_MS, "paused"),
        (NOON_MS, "recorded"),
    )

    assert await ids(api) == [4, 3, 2, 1]
    assert await ids(api, outcome="paused") == [3, 2]
    assert await ids(api, outcome="recorded", limit=1) == [4]
    assert await ids(api, outcome="recorded", before=4) == [1]


async def test_pings_are_found_by_what_they_signalled(api: Api, history: HistoryWriter) -> None:
    await api.monitor()
    add(history, *[(NOON_MS, "recorded")] * 2)  # a day of plain pings alone
    later = [(1, NOON_MS + DAY_MS, "recorded", "POST", "h", "", "", "", "s", None)] * 7
    others = [(2, *later[0][1:])]
    said = {
        at: Said(Signalled(signal))
        for at, signal in enumerate((Signal.START, Signal.FAIL, Signal.SUCCESS, Signal.LOG, Signal.FAIL))
    }
    with history.transaction():
        history.add_pings(later, said)  # 3 to 9, of which 8 and 9 are plain
        history.add_pings(others, {0: Said(Signalled(Signal.FAIL))})

    assert await ids(api) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert await ids(api, signal="fail") == [7, 4]
    assert await ids(api, signal="start,log") == [6, 3]
    assert await ids(api, signal="success") == [9, 8, 5, 2, 1]
    assert await ids(api, signal="success,fail") == [9, 8, 7, 5, 4, 2, 1]
    assert await ids(api, signal="") == await ids(api, signal=",") == await ids(api)
    assert await ids(api, signal="fail", limit=1) == [7]
    assert await ids(api, signal="fail", before=7) == [4]
    assert await ids(api, signal="fail", to=(NOON_MS + DAY_MS) // 1000) == []


async def test_pings_are_found_by_time(api: Api, history: HistoryWriter) -> None:
    await api.monitor()
    add(history, *((NOON_MS + hours * 3_600_000, "recorded") for hours in range(0, 48, 6)))

    assert await ids(api, **{"from": rfc3339(NOON_MS + 6 * 3_600_000)}) == [8, 7, 6, 5, 4, 3, 2]
    assert await ids(api, to=(NOON_MS + 12 * 3_600_000) // 1000) == [2, 1]
    assert await ids(api, **{"from": NOON_MS // 1000 + 6 * 3600, "to": NOON_MS // 1000 + 18 * 3600}) == [3, 2]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"outcome": "lost"}, "outcome"), ({"outcome": ""}, "outcome"), ({"from": "x"}, "from"), ({"to": "x"}, "to"),
     ({"from": "5", "to": "5"}, "from"), ({"signal": "fail,lost"}, "signal")],
    ids=str,
)  # fmt: skip
async def test_a_bad_filter_is_named(api: Api, query: Json, field: str) -> None:
    made = await api.monitor()

    reply = await api.owner.get(f"/api/monitors/{made['id']}/pings", params=query)

    assert (reply.status_code, reply.json()["field"]) == (422, field)


async def test_a_plan_shows_no_pings_beyond_its_days(api: Api, history: HistoryWriter) -> None:
    made = await api.monitor()
    now_ms = wall_ms()
    add(history, (now_ms - 3 * DAY_MS, "recorded"), (now_ms - DAY_MS, "recorded"), body=b"x")
    assert await ids(api) == [2, 1]

    await api.put_on_plan(history_days=2)

    assert await ids(api) == [2]
    assert await ids(api, **{"from": 0}) == [2]
    bodies = [await api.owner.get(f"/api/monitors/{made['id']}/pings/{number}/body") for number in (1, 2)]
    assert [reply.status_code for reply in bodies] == [404, 200]


@pytest.mark.parametrize(
    "body", [b"done in 4 s", b"<script>alert(1)</script>", b"\xff\x00\xfe", "grün".encode()]
)
async def test_the_body_of_a_ping_is_told_as_plain_text_whatever_it_is(
    api: Api, history: HistoryWriter, body: bytes
) -> None:
    made = await api.monitor()
    add(history, (NOON_MS, "recorded"), (NOON_MS + DAY_MS, "recorded"), body=body)

    reply = await api.owner.get(f"/api/monitors/{made['id']}/pings/2/body")

    assert (reply.status_code, reply.content) == (200, body)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("ping_id", ["1", "9", "0", "-1", "x", "1.0", "9" * 30, "%31%00"])
async def test_without_a_body_there_is_nothing_to_tell(
    api: Api, history: HistoryWriter, ping_id: str
) -> None:
    made = await api.monitor()
    add(history, (NOON_MS, "recorded"))
    add(history, (NOON_MS, "recorded"), body=b"x")

    assert (await api.owner.get(f"/api/monitors/{made['id']}/pings/{ping_id}/body")).status_code == 404


async def test_the_body_of_another_monitors_ping_is_not_there(api: Api, history: HistoryWriter) -> None:
    made = await api.monitor()
    add(history, (NOON_MS, "recorded"), monitor_id=2, body=b"x")

    assert (await api.owner.get(f"/api/monitors/{made['id']}/pings/1/body")).status_code == 404


async def test_incidents_of_all_monitors_come_newest_first_with_their_monitor(
    api: Api, history: HistoryWriter
) -> None:
    first, second = await api.monitor(name="first"), await api.monitor(name="second")
    incident(history, "a", 1000, 2000)
    incident(history, "b", 3000, monitor_id=2)
    incident(history, "gone", 4000, 5000, monitor_id=99)
    incident(history, "theirs", 6000, org_id=2, monitor_id=3)

    reply = await api.owner.get("/api/incidents")

    assert reply.json() == {
        "incidents": [
            {
                "id": "gone",
                "kind": "silence",
                "startedAt": "1970-01-01T00:00:04.000Z",
                "endedAt": "1970-01-01T00:00:05.000Z",
                "delayedBySeconds": None,
                "monitor": None,
            },
            {
                "id": "b",
                "kind": "silence",
                "startedAt": "1970-01-01T00:00:03.000Z",
                "endedAt": None,
                "delayedBySeconds": None,
                "monitor": {"id": second["id"], "name": "second"},
            },
            {
                "id": "a",
                "kind": "silence",
                "startedAt": "1970-01-01T00:00:01.000Z",
                "endedAt": "1970-01-01T00:00:02.000Z",
                "delayedBySeconds": None,
                "monitor": {"id": first["id"], "name": "first"},
            },
        ],
        "nextCursor": None,
    }


async def test_the_incident_of_a_metric_names_its_rule_and_its_key(api: Api, history: HistoryWriter) -> None:
    made = await api.monitor()
    incident(history, "m", 1000, kind="metric", alert_id="the rule", metric_key="load")
    expected = {
        "id": "m",
        "kind": "metric",
        "startedAt": "1970-01-01T00:00:01.000Z",
        "endedAt": None,
        "delayedBySeconds": None,
        "alertId": "the rule",
        "metricKey": "load",
    }

    assert (await api.owner.get(f"/api/monitors/{made['id']}/incidents")).json()["incidents"] == [expected]
    [shown] = (await api.owner.get("/api/incidents")).json()["incidents"]
    assert shown == expected | {"monitor": {"id": made["id"], "name": "job"}}


async def test_incidents_may_be_the_open_or_the_ended_ones(api: Api, history: HistoryWriter) -> None:
    await api.monitor()
    for number in range(4):
        incident(history, str(number), 1000 * number, None if number % 2 else 9000)

    async def listed(**query: str) -> list[str]:
        return [
            one["id"] for one in (await api.owner.get("/api/incidents", params=query)).json()["incidents"]
        ]

    assert await listed() == ["3", "2", "1", "0"]
    assert await listed(open="true") == ["3", "1"]
    assert await listed(open="false") == ["2", "0"]
    reply = await api.owner.get("/api/incidents", params={"open": "yes"})
    assert (reply.status_code, reply.json()["field"]) == (422, "open")


async def test_pages_of_all_incidents_follow_each_other(api: Api, history: HistoryWriter) -> None:
    await api.monitor()
    for number in range(5):
        incident(history, str(number), 1000)
    seen, query = [], {"limit": "2"}
    while True:
        page = (await api.owner.get("/api/incidents", params=query)).json()
        seen += [one["id"] for one in page["incidents"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]

    assert seen == ["4", "3", "2", "1", "0"]


async def test_before_anything_is_recorded_there_are_no_incidents(api: Api) -> None:
    assert (await api.owner.get("/api/incidents")).json() == {"incidents": [], "nextCursor": None}
