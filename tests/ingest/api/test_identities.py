"""How a key is shown and found, and that its use is noted; who may do what is in test_tenants.py."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from store.book import keys
from tests.ingest.api.cast import Api


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
