"""One path of the admin API: who is calling, may they, which handler, and what an error is told as."""

from __future__ import annotations

import contextlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ingest.api.auth import count_write, find_caller, key_in, note_use
from ingest.api.call import Call
from ingest.api.operation import Handler
from ingest.api.problems import EXPECTED, problem, reply_to, unauthorized
from store.book import keys
from store.book.keys import KeyHolder
from store.clock import wall_ms
from store.errors import Unavailable

_READING = frozenset({"GET", "HEAD"})


class Endpoint:
    """The handlers of one path by their methods, behind the key."""

    def __init__(self, **handlers: Handler) -> None:
        self.handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        1. Who is calling? This comes before anything else of the request is looked at.
        2. May they, with this key and this method, and so soon?
        3. The handler, and every error it raises on purpose as a reply.
        4. The reply is out: note that the key was used. Whether that works is no concern of the caller.
        """
        request = Request(scope, receive)
        now_ms = wall_ms()
        caller = None
        try:
            caller = await find_caller(request)
            if caller is None:
                response: Response = unauthorized(has_key=bool(key_in(request)))
            else:
                response = await self._answer(request, caller, now_ms)
        except EXPECTED as error:
            response = reply_to(error)
        await response(scope, receive, send)
        if caller is not None:
            with contextlib.suppress(Unavailable):
                await note_use(request.state.book, caller, now_ms)

    async def _answer(self, request: Request, caller: KeyHolder, now_ms: int) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        handler = self.handlers.get(method)
        if handler is None:
            allowed = ", ".join(sorted(self.handlers))
            return problem(405, f"This path answers {allowed}.", headers={"allow": allowed})
        if method not in _READING:
            if caller.scope != keys.WRITE:
                return problem(403, "This key may read, but not change anything.")
            await count_write(request.state.live, caller)
        call = Call(
            request=request,
            caller=caller,
            book=request.state.book,
            live=request.state.live,
            settings=request.state.settings,
            now_ms=now_ms,
        )
        return await handler(call)


def route(path: str, **handlers: Handler) -> Route:
    """A line of the routes list: a path and what it does by method."""
    return Route(path, Endpoint(**handlers), name=path)
