"""The API for people: one page made from the published document, without scripts and without the network.

It holds nothing but what anybody can read in the source of this version, and who wants to try the API has to be able
to read about it first: so it needs no key.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cached_property

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ingest.api.call import base_url_of
from ingest.openapi.endpoint import Published
from ingest.pages.api_reading import read
from ingest.pages.endpoint import call_of, signed_in, with_headers
from ingest.pages.render import render, render_outside, render_part
from store.clock import wall_ms
from store.errors import Unavailable

PATH = "/docs"
# Stands where the address of the installation is shown; each caller may know it by another.
_HERE = "https://here.invalid"


class DocsPage:
    """`GET /docs`. What is the same for everybody is rendered once, when somebody asks for it first."""

    def __init__(self, published: Published) -> None:
        self.route = Route(PATH, self, name=f"page {PATH}", methods=["GET"])
        self._published = published

    @cached_property
    def _content(self) -> Markup:
        return render_part("api_docs_content.html", docs=read(self._published.document, _HERE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # Beside the loop: the first time it takes some 60 ms, in which pings are to have their turn.
        content = await asyncio.to_thread(lambda: self._content)
        content = content.replace(_HERE, escape(base_url_of(request)))
        response = await _page(request, content)
        await response(scope, receive, with_headers(scope, send))


async def _page(request: Request, content: Markup) -> Response:
    """Who is signed in has the way to the other pages above it."""
    now_ms, caller = wall_ms(), None
    with suppress(Unavailable):
        caller = await signed_in(request, now_ms)
    if caller is None:
        return render_outside(request, "api_docs.html", content=content)
    return render(call_of(request, caller, now_ms), "api_docs.html", content=content)
