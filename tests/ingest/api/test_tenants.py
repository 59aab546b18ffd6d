"""Every route as owner, reader, stranger, liar and nobody; the routes come from the table of routes itself.

A new route fails here until it has a line in EXPECTED, which says what each of them is answered.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import msgspec
import pytest

from ingest.api.endpoint import Endpoint
from ingest.api.routes import API_ROUTES
from store.book.letter_writer import LetterWriter, NewDelivery
from store.live.restoring import RestoredDelivery, restore_deliveries
from store.recorder.letters import lost
from tests.ingest.api.cast import Api, Json
from tests.store.book.test_history_reader import Recorder
from tests.store.live.test_metric_events import event_of

_PARAMETER = re.compile(r"{(\w+)(:\w+)?}")


class World(msgspec.Struct, frozen=True):
    """Something of each kind that the owner has; everything in it is named so that it is known again."""

    monitor: str
    channel: str
    alert: str
    key: int
    ping: int
    delivery: str

    def path(self, template: str) -> str:
        """A route's path to what is the owner's."""
        values = {
            "pingId": str(self.ping),
            "key": "planted_metric",
            "alertId": self.alert,
            "id": self.monitor,
        }
        if template.startswith("/api/channels"):
            values["id"] = self.channel
        if template.startswith("/api/deliveries"):
            values["id"] = self.delivery
        if template.startswith("/api/keys"):
            values["id"] = str(self.key)
        return _PARAMETER.sub(lambda parameter: values[parameter[1]], template)


class Expected(msgspec.Struct, frozen=True):
    """What those who hold a key are answered. Who has none, or a wrong one, is always answered 401."""

    owner: int
    reader: int
    stranger: int
    body: Callable[[World], Json] | None = None


LIST = Expected(owner=200, reader=200, stranger=200)
LOOK = Expected(owner=200, reader=200, stranger=404)
ACT = Expected(owner=200, reader=403, stranger=404)
DROP = Expected(owner=204, reader=403, stranger=404)


def makes(**body: Any) -> Expected:
    return Expected(owner=201, reader=403, stranger=201, body=lambda _: body)


def changes(**body: Any) -> Expected:
    return Expected(owner=200, reader=403, stranger=404, body=lambda _: body)


def an_alert(world: World) -> Json:
    return {"metricKey": "planted_metric", "operator": ">", "threshold": 1, "channelId": world.channel}


EXPECTED: dict[tuple[str, str], Expected] = {
    ("GET", "/api/v1/heartbeats"): LIST,
    ("POST", "/api/v1/heartbeats"): makes(name="new"),
    ("GET", "/api/v1/heartbeats/{id}"): LOOK,
    ("PATCH", "/api/v1/heartbeats/{id}"): changes(name="changed"),
    ("DELETE", "/api/v1/heartbeats/{id}"): DROP,
    ("GET", "/api/monitors"): LIST,
    ("POST", "/api/monitors"): makes(name="new"),
    ("GET", "/api/monitors/{id}"): LOOK,
    ("PATCH", "/api/monitors/{id}"): changes(name="changed", tags=["changed"]),
    ("DELETE", "/api/monitors/{id}"): DROP,
    ("POST", "/api/monitors/{id}/pause"): ACT,
    ("POST", "/api/monitors/{id}/resume"): ACT,
    ("GET", "/api/monitors/{id}/pings"): LOOK,
    ("GET", "/api/monitors/{id}/pings/{pingId}/body"): LOOK,
    ("GET", "/api/monitors/{id}/incidents"): LOOK,
    ("GET", "/api/incidents"): LIST,
    ("GET", "/api/blind-times"): LIST,
    ("GET", "/api/monitors/{id}/uptime"): LOOK,
    ("GET", "/api/monitors/{id}/lateness"): LOOK,
    ("GET", "/api/prometheus"): LIST,
    ("GET", "/api/monitors/{id}/metrics"): LOOK,
    ("GET", "/api/monitors/{id}/metrics/{key:text}"): LOOK,
    ("GET", "/api/monitors/{id}/metric-alerts"): LOOK,
    ("POST", "/api/monitors/{id}/metric-alerts"): Expected(
        owner=201, reader=403, stranger=404, body=an_alert
    ),
    ("GET", "/api/monitors/{id}/metric-alerts/{alertId}"): LOOK,
    ("PATCH", "/api/monitors/{id}/metric-alerts/{alertId}"): changes(threshold=2),
    ("DELETE", "/api/monitors/{id}/metric-alerts/{alertId}"): DROP,
    ("GET", "/api/monitors/{id}/preview"): LOOK,
    ("GET", "/api/channels"): LIST,
    ("POST", "/api/channels"): makes(type="webhook", name="new", url="https://example.org"),
    ("GET", "/api/channels/{id}"): LOOK,
    ("DELETE", "/api/channels/{id}"): DROP,
    ("PATCH", "/api/channels/{id}"): changes(name="changed", headers={"x-token": "changed"}),
    ("POST", "/api/channels/{id}/enable"): ACT,
    ("POST", "/api/channels/{id}/rotate-secret"): ACT,
    ("POST", "/api/channels/{id}/test"): Expected(owner=202, reader=403, stranger=404),
    ("GET", "/api/monitors/{id}/channels"): LOOK,
    ("GET", "/api/deliveries"): LIST,
    ("GET", "/api/deliveries/{id}"): LOOK,
    ("POST", "/api/deliveries/{id}/retry"): Expected(owner=202, reader=403, stranger=404),
    ("GET", "/api/organisation"): LIST,
    ("GET", "/api/keys"): LIST,
    ("POST", "/api/keys"): makes(name="new", scope="write"),
    ("DELETE", "/api/keys/{id}"): DROP,
}


def walks() -> list[tuple[str, str]]:
    """Every method and path of the admin API."""
    return [
        (method, route.path)
        for route in API_ROUTES
        if isinstance(route.endpoint, Endpoint)
        for method in route.endpoint.handlers
    ]


def test_every_route_says_what_it_answers_to_whom() -> None:
    assert len(walks()) >= len(API_ROUTES)
    assert set(walks()) == set(EXPECTED)


async def a_world(api: Api) -> World:
    """The owner gets one of each."""
    monitor = await api.monitor(name="planted monitor", tags=["planted tag"])
    await api.heartbeat(name="planted heartbeat")
    channel = await api.channel(
        name="planted channel",
        url="https://planted.example.org/hook",
        headers={"x-planted": "a planted value"},
    )
    named = await api.owner.patch(f"/api/monitors/{monitor['id']}", json={"channels": [channel["id"]]})
    assert named.status_code == 200
    world = World(
        monitor["id"],
        channel["id"],
        alert="",
        key=0,
        ping=await what_happened(api, monitor["id"]),
        delivery=await a_dead_letter(api, monitor["id"], channel["id"]),
    )
    alert = await api.owner.post(f"/api/monitors/{monitor['id']}/metric-alerts", json=an_alert(world))
    key = await api.owner.post("/api/keys", json={"name": "planted key", "scope": "read"})
    return msgspec.structs.replace(world, alert=alert.json()["id"], key=key.json()["id"])


async def what_happened(api: Api, public_id: str) -> int:
    """A ping with a body, an incident and a metric of this monitor; the ping's id."""
    (row,) = await api.book.rows("SELECT id FROM monitors WHERE public_id = ?", (public_id,))
    path = api.settings.data / "history.db"
    recorder = Recorder(path)
    recorder.pings((row["id"], 1), body=b'{"planted_metric": 1}')
    recorder.incident(f"planted {public_id}", 1, monitor_id=row["id"])
    recorder.writer.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO metric_keys (monitor_id, key, last, last_ms) VALUES (?, 'planted_metric', 1.0, 1)",
            (row["id"],),
        )
        ping_id: int = connection.execute("SELECT last FROM ping_ids").fetchone()[0]
    return ping_id


async def a_dead_letter(api: Api, monitor: str, channel: str) -> str:
    """What this channel should have been told of this monitor, in the history and in Redis; its id."""
    (row,) = await api.book.rows("SELECT id, org_id FROM monitors WHERE public_id = ?", (monitor,))
    (to,) = await api.book.rows("SELECT id FROM channels WHERE public_id = ?", (channel,))
    new = NewDelivery(
        live_id=f"1-{row['id']}:{to['id']}",
        org_id=row["org_id"],
        monitor_id=row["id"],
        channel_id=to["id"],
        incident_id="planted incident",
        type="metric.breached",
        created_ms=1,
        event=event_of(rule=row["id"]),
    )
    recorder = Recorder(api.settings.data / "history.db")
    letters = LetterWriter(recorder.writer)
    letters.make(0, new)
    letters.move(0, msgspec.structs.replace(lost(new.live_id, 1), attempt=1, state="dead", reason="planted"))
    [(public_id,)] = recorder.writer.connection.execute(
        "SELECT id FROM deliveries ORDER BY number DESC LIMIT 1"
    ).fetchall()
    recorder.writer.close()
    restored = RestoredDelivery(id=new.live_id, attempts=1, due_ms=0, died_ms=1, event=new.event)
    await restore_deliveries(api.live.shards[0], [restored])
    return str(public_id)


async def call(api: Api, who: str, walk: tuple[str, str], world: World) -> httpx.Response:
    method, template = walk
    body = EXPECTED[walk].body
    client: httpx.AsyncClient = getattr(api, who)
    path = world.path(template)
    return await client.request(method, path, json=None if body is None else body(world))


async def everything(api: Api) -> list[tuple[object, ...]]:
    """All rows of the book, but for when keys were used last."""
    tables = await api.book.rows(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    return [
        tuple(row[name] for name in row.keys() if name != "last_used_ms")  # noqa: SIM118
        for table in tables
        for row in await api.book.rows(f"SELECT * FROM {table['name']}")
    ]


async def secrets_of(api: Api) -> list[str]:
    """What only those may see who may pretend to be a worker, sign a webhook or change things."""
    keys = [row["key"] for row in await api.book.rows("SELECT key FROM monitor_keys")]
    settings = [row["settings"] for row in await api.book.rows("SELECT settings FROM channels")]
    webhooks = [msgspec.json.decode(one)["secret"] for one in settings]
    headers = [msgspec.json.decode(one)["headers"]["x-planted"] for one in settings]
    people = [api.key_of(name) for name in ("owner", "reader", "stranger")]
    assert len(keys) == 3
    assert len(webhooks) == 1
    return [*keys, *webhooks, *headers, *people]


def said(reply: httpx.Response) -> str:
    """All of a reply: headers and body."""
    return f"{reply.headers}\n{reply.text}"


@pytest.mark.parametrize("who", ["nobody", "liar"])
async def test_without_a_valid_key_every_route_is_401_and_says_nothing(api: Api, who: str) -> None:
    world = await a_world(api)
    before, secrets = await everything(api), await secrets_of(api)

    for walk in walks():
        await api.live.client.delete(api.live.shards[0].keys.uses)  # a liar would soon be told to wait
        reply = await call(api, who, walk, world)

        assert reply.status_code == 401, walk
        assert reply.headers["www-authenticate"] == "Bearer"
        assert set(reply.json()) == {"error"}
        assert not [one for one in [*secrets, "planted"] if one in said(reply)], walk
    assert await everything(api) == before


async def test_what_is_not_yours_is_not_there(api: Api) -> None:
    world = await a_world(api)
    secrets = await secrets_of(api)
    hidden = [*secrets, "planted", world.monitor, world.channel, world.alert, world.delivery]

    for walk in walks():
        before = await everything(api)
        reply = await call(api, "stranger", walk, world)

        assert reply.status_code == EXPECTED[walk].stranger, (walk, reply.text)
        assert not [one for one in hidden if one in said(reply)], walk
        if reply.status_code != 201:
            assert await everything(api) == before, walk


async def test_what_a_stranger_makes_is_theirs_alone(api: Api) -> None:
    world = await a_world(api)
    lists = [walk for walk in walks() if EXPECTED[walk] == LIST]
    before = {walk: (await call(api, "owner", walk, world)).text for walk in lists}

    for walk in walks():
        if EXPECTED[walk].stranger == 201:
            assert (await call(api, "stranger", walk, world)).status_code == 201

    for walk in lists:
        after = (await call(api, "owner", walk, world)).text
        if walk[1] != "/api/keys":  # where the owner's own last use is shown
            assert after == before[walk], walk
        assert "new" not in re.findall(r'"name": ?"(\w+)"', after)


async def test_a_read_key_reads_changes_nothing_and_sees_no_secret(api: Api) -> None:
    world = await a_world(api)
    before, secrets = await everything(api), await secrets_of(api)

    for walk in walks():
        reply = await call(api, "reader", walk, world)

        assert reply.status_code == EXPECTED[walk].reader, (walk, reply.text)
        assert not [one for one in secrets if one in said(reply)], walk
    assert await everything(api) == before


async def test_a_read_key_sees_that_there_is_something_that_it_does_not_see(api: Api) -> None:
    world = await a_world(api)

    (monitor, _) = (await api.reader.get("/api/monitors")).json()["monitors"]
    heartbeats = (await api.reader.get("/api/v1/heartbeats")).json()

    assert monitor["pingUrl"] is None
    assert (await api.reader.get(f"/api/monitors/{world.monitor}")).json() == monitor
    assert [one["unique_key"] for one in heartbeats] == [None, None]
    assert (await api.owner.get(f"/api/monitors/{world.monitor}")).json()["pingUrl"].startswith("http")


async def test_the_owner_may_do_everything(api: Api) -> None:
    for walk in walks():
        world = await a_world(api)
        reply = await call(api, "owner", walk, world)

        assert reply.status_code == EXPECTED[walk].owner, (walk, reply.text)


async def test_what_a_body_names_has_to_be_yours_too(api: Api) -> None:
    world = await a_world(api)
    theirs = (await api.stranger.post("/api/monitors", json={"name": "theirs"})).json()

    reply = await api.stranger.post(f"/api/monitors/{theirs['id']}/metric-alerts", json=an_alert(world))

    assert (reply.status_code, reply.json()["field"]) == (422, "channelId")
    assert "planted" not in said(reply)
