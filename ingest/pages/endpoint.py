"""One path of the pages: who is signed in, is the form one of ours, which handler, what an error looks like."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ingest.api.auth import count_write, note_use
from ingest.api.call import Call
from ingest.api.operation import Handler
from ingest.api.problems import EXPECTED, problem, reply_to
from ingest.pages.forms import TOKEN, Form, read_form
from ingest.pages.origin import Site, site_of
from ingest.pages.render import headers_over, render, render_outside, see
from ingest.pages.session import COOKIE, is_form_token, ticket_in
from store.book import keys
from store.book.keys import KeyHolder
from store.clock import wall_ms
from store.errors import OverdueError, Unavailable

FormHandler = Callable[[Call, Form], Awaitable[Response]]
Outsider = Callable[[Request, Form], Awaitable[Response]]

FOREIGN_FORM = (
    "This form was not sent from one of our own pages, so nothing was done. Load the page and try again."
)
READ_ONLY = "You are signed in with a key that may read, but not change anything."


class PageEndpoint:
    """The handlers of one path, for people who are signed in. A form changes something; a GET never does."""

    def __init__(self, show: Handler | None = None, take: FormHandler | None = None) -> None:
        self._show = show
        self._take = take
        self.methods = [name for name, handler in (("GET", show), ("POST", take)) if handler]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        1. Who is signed in? Whoever is not is shown the way in.
        2. The handler, and every error it raises on purpose as a page.
        3. The reply is out: note that the key was used.
        """
        request, now_ms = Request(scope, receive), wall_ms()
        call = None
        try:
            caller = await signed_in(request, now_ms)
            if caller is None:
                response = _way_in(request)
            else:
                call = call_of(request, caller, now_ms)
                response = await self._answer(call)
        except EXPECTED as error:
            response = _page_of(request, call, error)
        await response(scope, receive, with_headers(scope, send))
        if call is not None:
            with contextlib.suppress(Unavailable):
                await note_use(call.book, call.caller, now_ms)

    async def _answer(self, call: Call) -> Response:
        if call.request.method != "POST":
            assert self._show is not None, "the route lets through what is here"
            return await self._show(call)
        assert self._take is not None, "the route lets through what is here"
        form = await read_form(call.request)
        if not is_ours(call.request, form, COOKIE):
            return render(call, "error.html", 403, code=403, sentence=FOREIGN_FORM)
        if call.caller.scope != keys.WRITE:
            return render(call, "error.html", 403, code=403, sentence=READ_ONLY)
        await count_write(call.live, call.caller)
        return await self._take(call, form)


class DataEndpoint:
    """What scripts of our pages ask for: a handler of the API, for people who are signed in."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.methods = ["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, now_ms = Request(scope, receive), wall_ms()
        try:
            caller = await signed_in(request, now_ms)
            if caller is None:
                response: Response = problem(401, "You are signed out; load the page again.")
            else:
                response = await self._handler(call_of(request, caller, now_ms))
        except EXPECTED as error:
            response = reply_to(error)
        await response(scope, receive, with_headers(scope, send))


class OpenEndpoint:
    """A path for everybody: the way in and the way out."""

    def __init__(self, show: Outsider | None, take: Outsider) -> None:
        self._show = show
        self._take = take
        self.methods = ["GET", "POST"] if show else ["POST"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except EXPECTED as error:
            response = _page_of(request, None, error)
        await response(scope, receive, with_headers(scope, send))

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            assert self._show is not None, "the route lets through what is here"
            return await self._show(request, Form())
        # What the headers do not tell, the handler asks the token: only it knows which cookie that belongs to.
        if site_of(request, request.state.settings.base_url) is Site.FOREIGN:
            return render_outside(request, "error.html", 403, code=403, sentence=FOREIGN_FORM)
        return await self._take(request, await read_form(request))


def page(path: str, show: Handler | None = None, take: FormHandler | None = None) -> Route:
    """A line of the list of pages: what is shown there, and what its form does."""
    endpoint = PageEndpoint(show, take)
    return Route(path, endpoint, name=f"page {path}", methods=endpoint.methods)


def data(path: str, handler: Handler) -> Route:
    """A line of the list of pages: what a script may ask for there."""
    return Route(path, DataEndpoint(handler), name=f"data {path}", methods=["GET"])


def open_page(path: str, *, show: Outsider | None = None, take: Outsider) -> Route:
    """A line of the list of pages, for everybody."""
    endpoint = OpenEndpoint(show, take)
    return Route(path, endpoint, name=f"page {path}", methods=endpoint.methods)


async def signed_in(request: Request, now_ms: int) -> KeyHolder | None:
    """Whose session the request belongs to; None without one, or if its key is not valid any more."""
    cookie = request.cookies.get(COOKIE, "")
    ticket = ticket_in(request.state.session_secret, cookie, now_ms)
    return None if ticket is None else await keys.holder_of_session(request.state.book, ticket.key_id, cookie)


def is_ours(request: Request, form: Form, cookie: str) -> bool:
    """Whether a form was sent from one of our pages; `cookie` is the name of the one that its token belongs to."""
    site = site_of(request, request.state.settings.base_url)
    if site is Site.UNKNOWN:
        belongs_to = request.cookies.get(cookie, "")
        return is_form_token(request.state.session_secret, belongs_to, form.text(TOKEN))
    return site is Site.OURS


def call_of(request: Request, caller: KeyHolder, now_ms: int) -> Call:
    """A request of a page as the API's functions take it."""
    state = request.state
    return Call(
        request=request,
        caller=caller,
        book=state.book,
        live=state.live,
        settings=state.settings,
        now_ms=now_ms,
    )


def refusal(request: Request, status: int, sentence: str) -> Response:
    """The page for an address that is none of ours, or that does not take what was sent."""
    response = render_outside(request, "error.html", status, code=status, sentence=sentence)
    response.headers.update(headers_over(request.url.scheme))
    return response


def with_headers(scope: Scope, send: Send) -> Send:
    """Sends our headers with every reply that does not have its own."""
    ours = headers_over(scope["scheme"])

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ours.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _way_in(request: Request) -> Response:
    wanted = request.url.path
    if request.url.query:
        wanted += f"?{request.url.query}"
    if request.method != "GET" or wanted == "/":
        return see("/sign-in")
    return see(f"/sign-in?next={quote(wanted, safe='')}")


def _page_of(request: Request, call: Call | None, error: Exception) -> Response:
    """An expected error as a page, with the status and the headers that the API's reply has."""
    reply = reply_to(error)
    sentence = (
        str(error) if isinstance(error, OverdueError) else "The request is not one that this page can take."
    )
    if call is None:
        response = render_outside(
            request, "error.html", reply.status_code, code=reply.status_code, sentence=sentence
        )
    else:
        response = render(call, "error.html", reply.status_code, code=reply.status_code, sentence=sentence)
    if "retry-after" in reply.headers:
        response.headers["retry-after"] = reply.headers["retry-after"]
    return response
