"""Somebody who is signed in, without a browser: what a page says, and what its forms do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import httpx

from tests.ingest.api.cast import Api

_ROW = re.compile(r'<td role="cell" class="name"><a [^>]*>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


class Person:
    """One session."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def page(self, path: str = "/") -> str:
        """The HTML of a page that is there."""
        reply = await self.client.get(path)
        assert reply.status_code == 200, reply.text
        return reply.text

    async def names(self, query: str = "") -> list[str]:
        """The monitors of the fleet page, as it lists them."""
        return [unescape(name) for name in _ROW.findall(await self.page(f"/{query}"))]

    async def now(self, query: str = "") -> dict[str, Any]:
        """What the fleet's script is told."""
        reply = await self.client.get(f"/data/fleet{query}")
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told

    async def send(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """A form, sent from our own page."""
        return await self.client.post(path, data=fields, headers={"sec-fetch-site": "same-origin"})


@asynccontextmanager
async def person_of(api: Api, name: str) -> AsyncIterator[Person]:
    """Signs in with somebody's key."""
    async with httpx.AsyncClient(base_url=api.address, verify=False, trust_env=False) as client:
        person = Person(client)
        assert (await person.send("/sign-in", key=api.key_of(name))).status_code == 303
        yield person


def text_of(html: str) -> str:
    """What a page says, without its tags and with single blanks."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())
