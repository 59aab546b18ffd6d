"""Bad input: a clear 4xx that names the field in the caller's spelling, and nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ingest.api.cast import Api

MONITORS, HEARTBEATS, CHANNELS = "/api/monitors", "/api/v1/heartbeats", "/api/channels"


async def assert_nothing_is_stored(api: Api) -> None:
    for table in ("monitors", "monitor_keys", "channels", "outbox"):
        assert await api.book.rows(f"SELECT * FROM {table}") == []


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (MONITORS, {}, "name"),
        (MONITORS, {"name": None}, "name"),
        (MONITORS, {"name": 7}, "name"),
        (MONITORS, {"name": ""}, "name"),
        (MONITORS, {"name": " \u00a0 "}, "name"),
        (MONITORS, {"name": "x" * 201}, "name"),
        (MONITORS, {"name": "a\x00b"}, "name"),
        (MONITORS, {"name": "a\nb"}, "name"),
        (MONITORS, {"name": "a\u2028b"}, "name"),
        (MONITORS, {"name": "a\x85b"}, "name"),
        (MONITORS, {"name": "a", "type": "http"}, "type"),
        (MONITORS, {"name": "a", "type": 1}, "type"),
        (MONITORS, {"name": "a", "interval": 0}, "interval"),
        (MONITORS, {"name": "a", "interval": -1}, "interval"),
        (MONITORS, {"name": "a", "interval": 366 * 86_400 + 1}, "interval"),
        (MONITORS, {"name": "a", "interval": True}, "interval"),
        (MONITORS, {"name": "a", "interval": 60.0}, "interval"),
        (MONITORS, {"name": "a", "interval": "60"}, "interval"),
        (MONITORS, {"name": "a", "interval": None}, "interval"),
        (MONITORS, {"name": "a", "interval": 2**63}, "interval"),
        (MONITORS, {"name": "a", "interval": 10**400}, "interval"),
        (MONITORS, {"name": "a", "interval": {"s": 1}}, "interval"),
        (MONITORS, {"name": "a", "gracePeriod": -1}, "gracePeriod"),
        (MONITORS, {"name": "a", "gracePeriod": 366 * 86_400 + 1}, "gracePeriod"),
        (MONITORS, {"name": "a", "grace_period": 5}, "grace_period"),
        (MONITORS, {"name": "a", "id": "x"}, "id"),
        (MONITORS, {"name": "a", "orgId": 2}, "orgId"),
        (MONITORS, {"name": "a", "paused": True}, "paused"),
        (MONITORS, {"name": "a", "x`y - at `$.name`": 1}, "x`y - at `$.name`"),
        (MONITORS, [], None),
        (MONITORS, None, None),
        (MONITORS, "name", None),
        (HEARTBEATS, {"name": "a\tb"}, "name"),
        (HEARTBEATS, {"name": "a", "schedule": "hourly"}, "schedule"),
        (HEARTBEATS, {"name": "a", "schedule": "every 0s"}, "schedule"),
        (HEARTBEATS, {"name": "a", "schedule": 60}, "schedule"),
        (HEARTBEATS, {"name": "a", "grace_period_seconds": 1.5}, "grace_period_seconds"),
        (HEARTBEATS, {"name": "a", "grace_period_seconds": -1}, "grace_period_seconds"),
        (HEARTBEATS, {"name": "a", "gracePeriod": 5}, "gracePeriod"),
        (CHANNELS, {"name": "a", "url": "https://example.org"}, "type"),
        (CHANNELS, {"type": "webhook", "url": "https://example.org"}, "name"),
        (CHANNELS, {"type": "webhook", "name": "a"}, "url"),
        (CHANNELS, {"type": "mail", "name": "a", "url": "https://example.org"}, "type"),
        (CHANNELS, {"type": "webhook", "name": " ", "url": "https://example.org"}, "name"),
        (CHANNELS, {"type": "webhook", "name": "a", "url": 1}, "url"),
        (CHANNELS, {"type": "webhook", "name": "a", "url": "https://example.org", "secret": "x"}, "secret"),
    ],
)
async def test_a_bad_field_is_named(api: Api, path: str, body: Any, field: str | None) -> None:
    reply = await api.owner.post(path, content=json.dumps(body))

    assert reply.status_code == 422
    assert reply.json().get("field") == field
    assert reply.json()["error"].endswith(".")
    await assert_nothing_is_stored(api)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": "a"',
        b"name=a",
        b'{"name": "a"} {}',
        b'{"name": "a", "interval": NaN}',
        b'{"name": "\xff"}',
        b'{"\xff": 1}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"bogus": 1, "name": }',
        b'{"interval": "x", ',
        b"\xff\xfe{\x00}\x00",
        b"[" * 60_000,
        b'{"bogus": ' + b"[" * 60_000,
    ],
)
async def test_what_is_not_json_is_400(api: Api, body: bytes) -> None:
    for path in (MONITORS, HEARTBEATS, CHANNELS):
        reply = await api.owner.post(path, content=body)

        assert reply.status_code == 400, reply.text
        assert reply.json()["error"].startswith("The body is not JSON")
    await assert_nothing_is_stored(api)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_413(api: Api, chunked: bool) -> None:
    body = json.dumps({"name": "a", "type": "x" * 70_000}).encode()

    async def chunks() -> Any:
        yield body[:40_000]
        yield body[40_000:]

    reply = await api.owner.post(MONITORS, content=chunks() if chunked else body)

    assert (reply.status_code, reply.json()) == (413, {"error": "The body is larger than 64 KiB."})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"interval": 0}, "interval"),
        ({"interval": None}, "interval"),
        ({"gracePeriod": "1"}, "gracePeriod"),
        ({"paused": 1}, "paused"),
        ({"paused": "true"}, "paused"),
        ({"type": "heartbeat"}, "type"),
        ({"version": 9}, "version"),
    ],
)
async def test_a_bad_change_changes_nothing(api: Api, body: Any, field: str) -> None:
    made = await api.monitor()

    reply = await api.owner.patch(f"{MONITORS}/{made['id']}", json={"name": "new name", **body})

    assert (reply.status_code, reply.json()["field"]) == (422, field)
    assert (await api.owner.get(f"{MONITORS}/{made['id']}")).json() == made


@pytest.mark.parametrize("path", [MONITORS, HEARTBEATS, CHANNELS])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("cursor=!", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=%FF", "cursor"),
        ("cursor=eHl6", "cursor"),
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "cursor"),
    ],
)
async def test_a_bad_page_is_named(api: Api, path: str, query: str, field: str) -> None:
    reply = await api.owner.get(f"{path}?{query}")

    assert (reply.status_code, reply.json()["field"]) == (422, field)


async def test_unknown_query_parameters_are_ignored(api: Api) -> None:
    assert (await api.owner.get(f"{MONITORS}?utm=1&limit=1000&x=%FF")).status_code == 200


@pytest.mark.parametrize(
    "public_id",
    [
        "1",
        "x",
        "%00",
        "%FF",
        "{6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77}",
        "6f2a7a0e5a0e5f0b9a430d0b5a1f3c77",
        "6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77",
        "9" * 3000,
    ],
)
async def test_an_id_that_belongs_to_nothing_is_404(api: Api, public_id: str) -> None:
    for path in (MONITORS, HEARTBEATS):
        for reply in (
            await api.owner.get(f"{path}/{public_id}"),
            await api.owner.patch(f"{path}/{public_id}", json={}),
            await api.owner.delete(f"{path}/{public_id}"),
        ):
            assert reply.status_code == 404
            assert reply.json()["error"]
    assert (await api.owner.delete(f"{CHANNELS}/{public_id}")).status_code == 404
    assert (await api.owner.get(f"{MONITORS}/{public_id}/pings")).status_code == 404


async def test_an_id_may_be_written_in_capitals(api: Api) -> None:
    made = await api.monitor()

    assert (await api.owner.get(f"{MONITORS}/{made['id'].upper()}")).json() == made


async def test_a_method_that_a_path_does_not_answer_is_405_and_says_which_it_does(api: Api) -> None:
    reply = await api.owner.put(MONITORS, json={})

    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, POST")
    assert reply.json()["error"]
