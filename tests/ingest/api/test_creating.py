"""`Idempotency-Key`: a call that is sent again is answered again, and creates nothing a second time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest.api import creating
from ingest.api.creating import Creating
from ingest.api.endpoint import Endpoint
from ingest.api.routes import API_ROUTES
from store.book import creations
from store.errors import Unavailable
from tests.ingest.api.cast import Api, api_on_stage
from tests.ingest.api.held import HeldLive
from tests.ingest.api.test_tenants import EXPECTED, World, a_world
from tests.stage import Stage

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
MONITORS = "/api/monitors"
# What a reply shows once, and its replay does not.
ONCE = {"secret", "key"}


def creating_walks() -> list[tuple[str, str]]:
    return [walk for walk, expected in EXPECTED.items() if expected.owner == 201]


async def ask(api: Api, walk: tuple[str, str], world: World) -> httpx.Response:
    body = EXPECTED[walk].body
    assert body is not None
    return await api.owner.post(world.path(walk[1]), json=body(world), headers=KEY)


async def count(api: Api, table: str = "monitors") -> int:
    (row,) = await api.book.rows(f"SELECT count(*) AS rows FROM {table}")
    return int(row["rows"])


async def note(api: Api) -> Any:
    (row,) = await api.book.rows("SELECT reply, is_open FROM creations")
    return row


def test_every_route_that_creates_something_takes_a_key() -> None:
    found = {
        (method, route.path)
        for route in API_ROUTES
        if isinstance(route.endpoint, Endpoint)
        for method, handler in route.endpoint.handlers.items()
        if isinstance(getattr(handler, "handler", handler), Creating)
    }
    assert found == set(creating_walks())


@pytest.mark.parametrize("walk", creating_walks(), ids=lambda walk: walk[1])
async def test_a_call_that_is_repeated_is_answered_again(api: Api, walk: tuple[str, str]) -> None:
    world = await a_world(api)
    first = await ask(api, walk, world)
    before = [await count(api, table) for table in ("monitors", "channels", "metric_alerts", "api_keys")]
    second = await ask(api, walk, world)

    assert (first.status_code, second.status_code) == (201, 201)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    hidden = ONCE & set(first.json())
    assert second.json() == first.json() | dict.fromkeys(hidden)
    after = [await count(api, table) for table in ("monitors", "channels", "metric_alerts", "api_keys")]
    assert after == before


@pytest.mark.parametrize("walk", creating_walks(), ids=lambda walk: walk[1])
async def test_what_was_not_answered_any_more_is_answered_by_what_was_created(
    api: Api, walk: tuple[str, str]
) -> None:
    world = await a_world(api)
    first = await ask(api, walk, world)
    async with api.book.write() as tx:
        await tx.execute("UPDATE creations SET reply = NULL, is_open = 1")

    assert (await ask(api, walk, world)).status_code == 409
    async with api.book.write() as tx:
        await tx.execute("UPDATE creations SET created_ms = created_ms - ?", (creating.ANSWERED_WITHIN_MS,))
    late = await ask(api, walk, world)

    assert late.status_code == 201
    assert late.json() == first.json() | dict.fromkeys(ONCE & set(first.json()))
    assert (await note(api))["is_open"] == 0


@pytest.mark.parametrize("walk", creating_walks(), ids=lambda walk: walk[1])
async def test_no_secret_lies_beside_a_key(api: Api, walk: tuple[str, str]) -> None:
    world = await a_world(api)
    shown = (await ask(api, walk, world)).json()
    kept = (await note(api))["reply"].decode()

    assert shown["id"] == (await ask(api, walk, world)).json()["id"]
    for name in ONCE & set(shown):
        assert shown[name]
        assert shown[name] not in kept
    assert KEY["Idempotency-Key"].encode() not in (api.settings.data / "config.db").read_bytes()


async def test_a_replay_masks_the_url_as_every_other_reply_does(api: Api) -> None:
    body = {"type": "webhook", "name": "w", "url": "https://example.org/hook?token=verysecret"}
    made = await api.owner.post("/api/channels", json=body, headers=KEY)
    again = await api.owner.post("/api/channels", json=body, headers=KEY)
    assert made.json()["url"] == body["url"]
    assert again.json()["url"] == "https://example.org/hook?token=***"
    assert "verysecret" not in (await note(api))["reply"].decode()


async def test_a_key_with_another_request_is_refused(api: Api) -> None:
    await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)

    for path, name in ((MONITORS, "b"), ("/api/v1/heartbeats", "a")):
        reply = await api.owner.post(path, json={"name": name}, headers=KEY)
        assert (reply.status_code, reply.json()["field"]) == (422, "idempotency-key")
    assert await count(api) == 1


async def test_a_key_is_the_same_with_its_quotes(api: Api) -> None:
    for key in ("one of  these", '"one of  these"'):
        reply = await api.owner.post(MONITORS, json={"name": "a"}, headers={"Idempotency-Key": key})
    assert reply.headers["idempotent-replayed"] == "true"


async def test_a_key_that_is_none_is_refused(api: Api) -> None:
    for key in ("", "a" * 256, "a\tb", "é", '"a', '""'):
        headers = {b"idempotency-key": key.encode("latin-1")}
        reply = await api.owner.post(MONITORS, json={"name": "a"}, headers=headers)
        assert (reply.status_code, reply.json()["field"]) == (422, "idempotency-key"), key
    assert await count(api) == 0


async def test_organisations_do_not_share_keys(api: Api) -> None:
    ours = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
    theirs = await api.stranger.post(MONITORS, json={"name": "a"}, headers=KEY)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != ours.json()["id"]


async def test_a_refused_call_can_be_mended_and_sent_with_its_key(api: Api) -> None:
    refused = await api.owner.post(MONITORS, json={"name": ""}, headers=KEY)
    mended = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
    assert (refused.status_code, mended.status_code) == (422, 201)


async def test_a_key_is_forgotten_after_a_day(api: Api) -> None:
    first = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
    async with api.book.write() as tx:
        await tx.execute("UPDATE creations SET created_ms = created_ms - ?", (creations.KEPT_MS,))
    second = await api.owner.post(MONITORS, json={"name": "b"}, headers=KEY)
    assert (second.status_code, await count(api, "creations")) == (201, 1)
    assert second.json()["id"] != first.json()["id"]


async def test_while_a_call_is_answered_its_repetition_is_told_to_wait(
    stage: Stage, data: Path, people: dict[str, str]
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    async with api_on_stage(HeldLive(stage.live, project=hold), data, people) as api:
        first = asyncio.create_task(api.owner.post(MONITORS, json={"name": "a"}, headers=KEY))
        await reached.wait()
        second = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
        go_on.set()

        assert (second.status_code, second.headers["retry-after"]) == (409, "1")
        assert (await first).status_code == 201
        third = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
        assert third.json() == first.result().json()


async def test_of_several_at_once_one_creates(stage: Stage, data: Path, people: dict[str, str]) -> None:
    callers = 4
    barrier = asyncio.Barrier(callers)

    async with api_on_stage(HeldLive(stage.live, ready=barrier.wait), data, people) as api:
        replies = await asyncio.gather(
            *(api.owner.post(MONITORS, json={"name": "a"}, headers=KEY) for _ in range(callers))
        )
        assert await count(api) == 1

    made = [one for one in replies if one.status_code == 201]
    assert {one.status_code for one in replies} <= {201, 409}
    assert len({one.json()["id"] for one in made}) == 1
    assert sum("idempotent-replayed" not in one.headers for one in made) == 1


async def test_what_was_kept_though_redis_went_away_is_the_answer_when_it_is_back(
    stage: Stage, data: Path, people: dict[str, str]
) -> None:
    away = [True]

    async def break_once() -> None:
        if away.pop():
            raise Unavailable("Redis is away.")

    async with api_on_stage(HeldLive(stage.live, project=break_once), data, people) as api:
        first = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
        second = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)

        assert (first.status_code, second.status_code) == (503, 201)
        assert second.json()["name"] == "a"
        assert await count(api) == 1


async def test_a_creation_and_its_note_are_kept_together_or_not_at_all(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("The disk is full.")

    with monkeypatch.context() as context:
        context.setattr(creations, "note", fail)
        broken = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
    assert (broken.status_code, await count(api), await count(api, "outbox")) == (503, 0, 0)
    assert (await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)).status_code == 201


async def test_a_replay_of_what_was_deleted_before_it_was_answered_is_404(api: Api) -> None:
    first = await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)
    async with api.book.write() as tx:
        await tx.execute("UPDATE creations SET reply = NULL")
    await api.owner.delete(f"{MONITORS}/{first.json()['id']}")
    assert (await api.owner.post(MONITORS, json={"name": "a"}, headers=KEY)).status_code == 404
