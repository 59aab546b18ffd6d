"""Somebody with a browser that has no scripts: keeps cookies, sends forms as browsers do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.ingest.api.cast import Api

_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
FROM_OUR_PAGE = {"sec-fetch-site": "same-origin"}


class Person:
    """One session. What a page answers is not followed further."""

    def __init__(self, address: str) -> None:
        self.client = httpx.AsyncClient(base_url=address, trust_env=False)

    async def sign_in(self, key: str, path: str = "/sign-in") -> httpx.Response:
        return await self.client.post(path, data={"key": key}, headers=FROM_OUR_PAGE)

    async def see(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def send(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """A form of the page itself."""
        return await self.client.post(path, data=fields, headers=FROM_OUR_PAGE)

    async def token(self, path: str) -> str:
        """What the forms of a page carry."""
        found = _TOKEN.search((await self.see(path)).text)
        assert found is not None, f"{path} has no form with a token"
        return found[1]


@asynccontextmanager
async def browsing(api: Api, who: str = "") -> AsyncIterator[Person]:
    """Somebody; signed in if it is said who."""
    person = Person(api.address)
    try:
        if who:
            reply = await person.sign_in(api.key_of(who))
            assert reply.status_code == 303, reply.text
        yield person
    finally:
        await person.client.aclose()
