"""Somebody who looks at the fleet without scripts: what its page says, and what its script would be told."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

from tests.ingest.pages.browsing import Person

_ROW = re.compile(r'<td role="cell" class="name"><a [^>]*>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


class Looker(Person):
    """One session of somebody who knows their way about the fleet."""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def page(self, path: str = "/") -> str:
        """The HTML of a page that is there."""
        reply = await self.see(path)
        assert reply.status_code == 200, reply.text
        return reply.text

    async def names(self, query: str = "") -> list[str]:
        """The monitors of the fleet page, as it lists them."""
        return [unescape(name) for name in _ROW.findall(await self.page(f"/{query}"))]

    async def now(self, query: str = "") -> dict[str, Any]:
        """What the fleet's script is told."""
        reply = await self.see(f"/data/fleet{query}")
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told


def text_of(html: str) -> str:
    """What a page says, without its tags and with single blanks."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())
