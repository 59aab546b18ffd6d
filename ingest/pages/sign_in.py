"""The way in, with an API key, and the way out."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from ingest.api.auth import holder_of
from ingest.api.problems import WRONG_KEY
from ingest.pages.endpoint import FOREIGN_FORM, is_ours, signed_in
from ingest.pages.forms import Form
from ingest.pages.render import render_outside, see
from ingest.pages.session import (
    COOKIE,
    DOOR_COOKIE,
    DOOR_LIFE_S,
    LIFE_S,
    door_cookie,
    form_token,
    seal,
    ticket_in,
)
from store.book import ended_sessions
from store.clock import wall_ms
from store.errors import TooOften

# A path on this very host: `//elsewhere` and `/\\elsewhere` are addresses of other hosts to a browser.
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)

STALE = "This page was open for too long, or was not one of ours. Please try again."


async def show(request: Request, _: Form) -> Response:
    if await signed_in(request, wall_ms()) is not None:
        return see(_next(request))
    return _door(request)


async def take(request: Request, form: Form) -> Response:
    """A valid key opens a session; a wrong one is said so, and counted against its sender."""
    if not is_ours(request, form, DOOR_COOKIE):
        return _door(request, 403, STALE)
    key, status = form.text("key"), 401
    error = WRONG_KEY if key else "An API key is needed."
    holder = None
    try:
        holder = await holder_of(request, key) if key else None
    except TooOften as refusal:
        status, error = 429, str(refusal)
    if holder is None:
        return _door(request, status, error)
    response = see(_next(request))
    _set_cookie(request, response, seal(request.state.session_secret, holder.id, wall_ms()), LIFE_S)
    return response


async def leave(request: Request, form: Form) -> Response:
    """End the session, here and wherever else its cookie has got to."""
    now_ms = wall_ms()
    if await signed_in(request, now_ms) is not None:
        if not is_ours(request, form, COOKIE):
            return render_outside(request, "error.html", 403, code=403, sentence=FOREIGN_FORM)
        cookie = request.cookies[COOKIE]
        ticket = ticket_in(request.state.session_secret, cookie, now_ms)
        assert ticket is not None, "who is signed in has one"
        await ended_sessions.end(request.state.book, cookie, ticket.until_ms, now_ms)
    response = see("/sign-in")
    _set_cookie(request, response, "", 0)
    return response


def _door(request: Request, status: int = 200, error: str = "") -> Response:
    """The way in, with a cookie that its form belongs to: other sites can neither read it nor have it sent."""
    cookie = door_cookie(request.cookies.get(DOOR_COOKIE, ""))
    token = form_token(request.state.session_secret, cookie)
    response = render_outside(
        request, "sign_in.html", status, error=error, next=_next(request), form_token=token
    )
    is_secure = request.url.scheme == "https"
    response.set_cookie(
        DOOR_COOKIE, cookie, DOOR_LIFE_S, path="/sign-in", secure=is_secure, httponly=True, samesite="strict"
    )
    return response


def _set_cookie(request: Request, response: Response, value: str, life_s: int) -> None:
    is_secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, value, life_s, path="/", secure=is_secure, httponly=True, samesite="lax")


def _next(request: Request) -> str:
    """Where to go once signed in; never to another host."""
    wanted = request.query_params.get("next", "/")
    return wanted if _LOCAL.fullmatch(wanted) else "/"
