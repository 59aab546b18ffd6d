"""`GET /openapi.json`: the document as bytes that are made once, for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ingest.openapi.document import document_of
from ingest.openapi.open_operations import DOCUMENT_PATH
from ingest.openapi.schemas import Schema


class Published:
    """The document of some routes and of its own. It is made when somebody asks for it first.

    It holds nothing but what anybody can read in the source of this version, so no key is needed.
    """

    def __init__(self, routes: Sequence[Route], base_url: str) -> None:
        own = Route(DOCUMENT_PATH, self, name=DOCUMENT_PATH, methods=["GET"])
        self.routes = [*routes, own]
        self._base_url = base_url

    async def made(self) -> None:
        """Returns when the document is there. It takes some 30 ms, in which pings are to have their turn."""
        await asyncio.to_thread(lambda: self._content)

    @cached_property
    def document(self) -> Schema:
        decoded: Schema = msgspec.json.decode(self._content)
        return decoded

    @cached_property
    def _content(self) -> bytes:
        return msgspec.json.encode(document_of(self.routes, self._base_url))

    @cached_property
    def _tag(self) -> str:
        return f'"{blake2b(self._content, digest_size=12).hexdigest()}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Browsers and proxies may keep it, but ask each time whether it is still the same."""
        await self.made()
        headers = {"etag": self._tag, "cache-control": "public, no-cache"}
        known = [one.strip() for one in Request(scope).headers.get("if-none-match", "").split(",")]
        if self._tag in known or "*" in known or f"W/{self._tag}" in known:
            response = Response(status_code=304, headers=headers)
        else:
            response = Response(self._content, headers=headers, media_type="application/json")
        await response(scope, receive, send)
