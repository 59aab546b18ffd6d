"""Every route as owner, reader, stranger, nobody and liar."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx
import pytest

from ingest.api.endpoint import Endpoint
from ingest.api.routes import API_ROUTES
from store.book import keys
from tests.ingest.api.cast import Api

BODIES = {
    ("POST", "/api/v1/heartbeats"): {"name": "new"},
    ("POST", "/api/monitors"): {"name": "new"},
    ("POST", "/api/channels"): {"type": "webhook", "name": "new", "url": "https://example.org"},
    ("PATCH", "/api/v1/heartbeats/{id}"): {"name": "changed"},
    ("PATCH", "/api/monitors/{id}"): {"name": "changed"},
}


def walks() -> list[tuple[str, str]]:
    return [
        (method, route.path)
        for route in API_ROUTES
        if isinstance(route.endpoint, Endpoint)
        for method in route.endpoint.handlers
    ]


async def call(client: httpx.AsyncClient, method: str, path: str, public_id: str) -> httpx.Response:
    return await client.request(method, path.replace("{id}", public_id), json=BODIES.get((method, path)))


async def owned(api: Api, path: str) -> str:
    """The id of something of the owner that this path is about."""
    return str((await (api.channel() if "channels" in path else api.monitor()))["id"])


async def everything(api: Api) -> list[tuple[object, ...]]:
    """All rows that the API can change."""
    tables = ("monitors", "monitor_keys", "channels", "outbox")
    return [tuple(row) for table in tables for row in await api.book.rows(f"SELECT * FROM {table}")]


def test_every_route_is_walked() -> None:
    assert len(API_ROUTES) == 10
    assert len(walks()) == 17


@pytest.mark.parametrize("who", ["nobody", "liar"])
async def test_without_a_valid_key_every_route_is_401(api: Api, who: str) -> None:
    for method, path in walks():
        public_id = await owned(api, path)
        before = await everything(api)

        reply = await call(getattr(api, who), method, path, public_id)

        assert reply.status_code == 401, (method, path)
        assert reply.headers["www-authenticate"] == "Bearer"
        assert set(reply.json()) == {"error"}
        assert await everything(api) == before


async def test_what_is_not_yours_is_not_there(api: Api) -> None:
    for method, path in walks():
        public_id = await owned(api, path)
        before = await everything(api)

        reply = await call(api.stranger, method, path, public_id)

        if "{id}" in path:
            assert reply.status_code == 404, (method, path)
            assert await everything(api) == before
        elif method == "GET":
            assert reply.status_code == 200, (method, path)
            assert public_id not in reply.text
        else:
            assert reply.status_code == 201, (method, path)
            assert reply.json()["id"] not in (await call(api.owner, "GET", path, "")).text


async def test_a_read_key_reads_and_changes_nothing(api: Api) -> None:
    for method, path in walks():
        public_id = await owned(api, path)
        before = await everything(api)

        reply = await call(api.reader, method, path, public_id)

        assert reply.status_code == (200 if method == "GET" else 403), (method, path)
        assert await everything(api) == before


async def test_the_owner_may_do_everything(api: Api) -> None:
    for method, path in walks():
        reply = await call(api.owner, method, path, await owned(api, path))

        assert reply.status_code in {200, 201, 204}, (method, path)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer KEY"},
        {"authorization": "bearer   KEY"},
        {"x-api-key": "KEY"},
        {"authorization": "Basic dTpw", "x-api-key": "KEY"},
    ],
)
async def test_a_key_may_come_in_either_header(api: Api, headers: dict[str, str]) -> None:
    shown = {name: value.replace("KEY", api.key_of("owner")) for name, value in headers.items()}

    assert (await api.nobody.get("/api/monitors", headers=shown)).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer",
        b"KEY",
        b"Basic KEY",
        b"Bearer \xff\xfe",
        b"Bearer KEYx",
        b"Bearer " + b"x" * 9000,
    ],
)
async def test_what_is_no_key_is_401(api: Api, value: bytes) -> None:
    header = value.replace(b"KEY", api.key_of("owner").encode())

    reply = await api.nobody.get("/api/monitors", headers={b"authorization": header})

    assert reply.status_code == 401


async def test_a_401_does_not_wait_for_the_body(api: Api) -> None:
    address = urlsplit(api.address)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /api/monitors HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")

    status = await asyncio.wait_for(reader.readline(), 5)

    assert status.startswith(b"HTTP/1.1 401")
    writer.close()


async def test_a_revoked_key_opens_nothing_from_the_next_request_on(api: Api) -> None:
    assert (await api.reader.get("/api/monitors")).status_code == 200
    holder = await keys.holder(api.book, api.key_of("reader"))
    assert holder is not None

    await keys.revoke(api.book, holder.id, 1)

    assert (await api.reader.get("/api/monitors")).status_code == 401


async def test_the_use_of_a_key_is_noted(api: Api) -> None:
    async def last_used_ms() -> int | None:
        holder = await keys.holder(api.book, api.key_of("reader"))
        assert holder is not None
        return holder.last_used_ms

    assert await last_used_ms() is None

    await api.reader.get("/api/monitors")

    async with asyncio.timeout(5):
        while await last_used_ms() is None:
            await asyncio.sleep(0.001)
