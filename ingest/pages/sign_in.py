"""The way in, with an API key, and the way out."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from ingest.api.auth import holder_of
from ingest.pages.endpoint import signed_in
from ingest.pages.forms import Form
from ingest.pages.render import render_outside, see
from ingest.pages.session import COOKIE, LIFE_S, seal
from store.clock import wall_ms
from store.errors import TooOften

# A path on this very host: `//elsewhere` and `/\\elsewhere` are addresses of other hosts to a browser.
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)


async def show(request: Request, _: Form) -> Response:
    if await signed_in(request, wall_ms()) is not None:
        return see(_next(request))
    return render_outside(request, "sign_in.html", error="", next=_next(request))


async def take(request: Request, form: Form) -> Response:
    """A valid key opens a session; a wrong one is said so, and counted against its sender."""
    key, status = form.text("key"), 401
    error = "This is no valid API key." if key else "An API key is needed."
    holder = None
    try:
        holder = await holder_of(request, key) if key else None
    except TooOften as refusal:
        status, error = 429, str(refusal)
    if holder is None:
        return render_outside(request, "sign_in.html", status, error=error, next=_next(request))
    response = see(_next(request))
    _set_cookie(request, response, seal(request.state.session_secret, holder.id, wall_ms()), LIFE_S)
    return response


async def leave(request: Request, _: Form) -> Response:
    response = see("/sign-in")
    _set_cookie(request, response, "", 0)
    return response


def _set_cookie(request: Request, response: Response, value: str, life_s: int) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=life_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def _next(request: Request) -> str:
    """Where to go once signed in; never to another host."""
    wanted = request.query_params.get("next", "/")
    return wanted if _LOCAL.fullmatch(wanted) else "/"
