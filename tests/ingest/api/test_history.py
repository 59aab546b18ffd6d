"""What happened to a monitor, as it is told over HTTP."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest

from store.beat import Signal, Signalled
from store.book.signals import Said
from tests.ingest.api.cast import Api
from tests.store.book.test_history_reader import DAY_MS, Recorder


@pytest.fixture
def path(api: Api) -> Path:
    return api.settings.data / "history.db"


async def test_before_anything_is_recorded_both_lists_are_empty(api: Api) -> None:
    made = await api.monitor()

    assert (await api.owner.get(f"/api/monitors/{made['id']}/pings")).json() == {
        "pings": [],
        "nextCursor": None,
    }
    assert (await api.owner.get(f"/api/monitors/{made['id']}/incidents")).json() == {
        "incidents": [],
        "nextCursor": None,
    }


async def test_a_ping_is_told_with_everything_but_its_body(api: Api, path: Path) -> None:
    made = await api.monitor()
    recorder = Recorder(path)
    recorder.pings((1, 1007), (2, 1008), body=b"{}")
    recorder.writer.close()

    reply = await api.owner.get(f"/api/monitors/{made['id']}/pings")

    assert reply.json()["pings"] == [
        {
            "id": 1,
            "at": "1970-01-01T00:00:01.007Z",
            "outcome": "recorded",
            "method": "POST",
            "userAgent": "u",
            "from": "s",
            "host": "h",
            "query": "q",
            "contentType": "c",
            "hasBody": True,
            "signal": "success",
            "exitCode": None,
            "run": None,
            "durationMs": None,
        }
    ]


@pytest.mark.parametrize("parameter", ["before", "cursor"])
@pytest.mark.parametrize("what", ["pings", "incidents"])
async def test_pages_follow_each_other(api: Api, path: Path, what: str, parameter: str) -> None:
    made = await api.monitor()
    recorder = Recorder(path)
    recorder.pings(*((1, arrival_ms) for arrival_ms in (0, 0, DAY_MS, DAY_MS, DAY_MS)))
    for number in range(1, 6):
        recorder.incident(str(number), 1000, 2000)
    recorder.writer.close()
    seen, query = [], {"limit": "2"}
    while True:
        page = (await api.owner.get(f"/api/monitors/{made['id']}/{what}", params=query)).json()
        seen += [int(one["id"]) for one in page[what]]
        if page["nextCursor"] is None:
            break
        query[parameter] = page["nextCursor"]

    assert seen == [5, 4, 3, 2, 1]


async def test_an_incident_is_told_with_its_times(api: Api, path: Path) -> None:
    made = await api.monitor()
    recorder = Recorder(path)
    recorder.incident("closed", 1000, 2000)
    recorder.incident("open", 3000, delayed_ms=2500)
    recorder.writer.close()

    reply = await api.owner.get(f"/api/monitors/{made['id']}/incidents")

    assert reply.json()["incidents"] == [
        {
            "id": "open",
            "kind": "silence",
            "startedAt": "1970-01-01T00:00:03.000Z",
            "endedAt": None,
            "delayedBySeconds": 2.5,
        },
        {
            "id": "closed",
            "kind": "silence",
            "startedAt": "1970-01-01T00:00:01.000Z",
            "endedAt": "1970-01-01T00:00:02.000Z",
            "delayedBySeconds": None,
        },
    ]


@pytest.mark.parametrize("what", ["pings", "incidents"])
@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "é", "MTIz" * 100, "Lg", "\x00"])
async def test_a_bad_position_is_refused(api: Api, what: str, before: str) -> None:
    made = await api.monitor()

    reply = await api.owner.get(f"/api/monitors/{made['id']}/{what}", params={"before": before})

    assert (reply.status_code, reply.json()["field"]) == (422, "before")
    assert re.search(r"nextCursor", reply.json()["error"])


async def test_a_damaged_history_is_503_not_an_accident(api: Api, path: Path) -> None:
    made = await api.monitor()
    path.write_bytes(b"no database " * 1000)

    reply = await api.owner.get(f"/api/monitors/{made['id']}/pings")

    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"


async def test_what_a_ping_signalled_is_told(api: Api, path: Path) -> None:
    made = await api.monitor()
    run = UUID(int=7)
    said = {
        0: Said(Signalled(Signal.START, run.bytes)),
        1: Said(Signalled(Signal.FAIL, run.bytes, exit_code=3, duration_ms=12_300), 1000),
    }
    recorder = Recorder(path)
    with recorder.writer.transaction():
        ping = (1, 1000, "recorded", "GET", "", "", "", "", "", None)
        recorder.writer.add_pings([ping, ping], said)
    recorder.writer.close()

    pings = (await api.owner.get(f"/api/monitors/{made['id']}/pings")).json()["pings"]

    assert [(one["signal"], one["exitCode"], one["run"], one["durationMs"]) for one in pings] == [
        ("fail", 3, str(run), 12_300),
        ("start", None, str(run), None),
    ]
