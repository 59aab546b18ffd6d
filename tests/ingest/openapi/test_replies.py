"""What the API answers is what the document says: every route, as owner, reader, stranger and nobody."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from msgspec.json import Decoder
from starlette.requests import Request

from ingest.api import call as call_module
from ingest.api.query import QueryDecoder
from ingest.api.wire import decode
from ingest.openapi.listed import listed
from ingest.openapi.path_parameters import public_path
from tests.ingest.api.cast import Api
from tests.ingest.api.test_tenants import EXPECTED, a_world, call, walks
from tests.ingest.openapi.cast import complaints, operations, routes

# What not every reply has that may have it.
SOMETIMES = {"link", "idempotent-replayed"}


def wrong_with(walk: tuple[str, str], reply: httpx.Response) -> list[str]:
    """What is not as the document has it."""
    method, path = walk
    told = operations()[method, public_path(path)]["responses"].get(str(reply.status_code))
    if told is None:
        return [f"{reply.status_code} is not there"]
    content = told.get("content", {})
    kind = reply.headers.get("content-type", "")
    if not content:
        return ["a body was not promised"] if reply.content else []
    if kind not in content:
        return [f"{kind} is not there"]
    missing = [name for name in told.get("headers", {}) if name.lower() not in {*reply.headers, *SOMETIMES}]
    value: Any = reply.json() if kind == "application/json" else reply.text
    return [*complaints(content[kind]["schema"], value), *missing]


@pytest.mark.parametrize("who", ["nobody", "stranger", "reader"])
async def test_refusals_are_those_of_the_document(api: Api, who: str) -> None:
    world = await a_world(api)

    wrong = {walk: wrong_with(walk, await call(api, who, walk, world)) for walk in walks()}

    assert {walk: found for walk, found in wrong.items() if found} == {}


async def test_replies_are_those_of_the_document(api: Api) -> None:
    """Of one world; what is gone by then is 404, and that is documented too."""
    world = await a_world(api)
    wrong, good = {}, 0

    for walk in sorted(walks(), key=lambda walk: walk[0] == "DELETE"):
        reply = await call(api, "owner", walk, world)
        wrong[walk] = wrong_with(walk, reply)
        good += reply.is_success

    assert {walk: found for walk, found in wrong.items() if found} == {}
    assert good >= len(walks()) - 3  # what belongs to the monitor goes with it


async def test_the_bodies_that_are_accepted_are_those_of_the_document(api: Api) -> None:
    world = await a_world(api)
    for (method, path), expected in EXPECTED.items():
        told = operations()[method, public_path(path)].get("requestBody")
        assert (told is None) is (expected.body is None), path
        if told is not None and expected.body is not None:
            body = json.loads(json.dumps(expected.body(world)))
            assert complaints(told["content"]["application/json"]["schema"], body) == [], path


async def test_a_field_that_the_document_does_not_have_is_refused(api: Api) -> None:
    world = await a_world(api)
    for (method, path), expected in EXPECTED.items():
        if expected.body is None:
            continue
        body = {**expected.body(world), "nobodysField": 1}

        reply = await api.owner.request(method, world.path(path), json=body)

        assert (reply.status_code, reply.json()["field"]) == (422, "nobodysField"), path


async def test_handlers_use_the_decoders_that_they_tell_of(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[Any] = set()

    def reading(decoder: Decoder[Any], body: bytes) -> Any:
        used.add(decoder.type)
        return decode(decoder, body)

    def asking(decoder: QueryDecoder[Any], request: Request) -> Any:
        used.add(decoder.type)
        return plain(decoder, request)

    plain = QueryDecoder.decode
    monkeypatch.setattr(call_module, "decode", reading)
    monkeypatch.setattr(QueryDecoder, "decode", asking)
    told = {(one.method, one.path): {one.operation.body, one.operation.query} for one in listed(routes())}
    world = await a_world(api)

    for walk in sorted(walks(), key=lambda walk: walk[0] == "DELETE"):
        used.clear()
        await call(api, "owner", walk, world)
        assert used == told[walk] - {None}, walk
