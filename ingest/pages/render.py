"""From a template to a reply: Jinja2 with everything escaped, and headers that let a page do no more than it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ingest.api.call import Call
from ingest.pages import words
from ingest.pages.session import COOKIE, form_token
from ingest.pages.static_files import STATIC
from ingest.pages.turns import join_in_turns
from store.book import keys
from store.cron import ZONES
from store.timestamps import rfc3339

TEMPLATES = Path(__file__).parent / "templates"

# No inline script, no inline style, nothing from elsewhere. Scripts that set styles on elements are not concerned.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
# Over plain HTTP browsers ignore it, and complain in their console.
OVER_HTTPS: Mapping[str, str] = {"cross-origin-opener-policy": "same-origin"}


def _environment() -> Environment:
    """The templates; a name that is not there is an error, not an empty text."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["static"] = STATIC.url_of
    made.globals["zones"] = sorted(ZONES)
    filters: tuple[Callable[..., str], ...] = (
        words.moment,
        words.span,
        words.lasted,
        words.number,
        words.percent,
        words.count,
        words.took,
        words.signalled,
    )
    for filter_ in filters:
        made.filters[filter_.__name__] = filter_
    made.filters["code"] = words.code
    # Compiled now, so that nobody waits for it who asks for a page first.
    for name in made.list_templates():
        made.get_template(name)
    return made


_TEMPLATES = _environment()


def render(call: Call, template: str, status: int = 200, **context: Any) -> Response:
    """A page for somebody who is signed in."""
    return _page(call.request, template, status, _context(call, context))


async def render_in_turns(call: Call, template: str, status: int = 200, **context: Any) -> Response:
    """The same of a page that is so large that pings have a turn while it is made."""
    known = _known(call.request, _context(call, context))
    return HTMLResponse(await join_in_turns(_TEMPLATES.get_template(template).generate(known)), status)


def render_outside(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page for somebody who is not."""
    return _page(
        request, template, status, {"caller": None, "may_change": False, "form_token": "", **context}
    )


def render_part(template: str, **context: Any) -> Markup:
    """A part of a page, that knows of nobody."""
    return Markup(_TEMPLATES.get_template(template).render(context))


def headers_over(scheme: str) -> Mapping[str, str]:
    """What every reply of ours carries."""
    return {**HEADERS, **OVER_HTTPS} if scheme == "https" else HEADERS


def see(address: str) -> Response:
    """What follows a form that was accepted: another page, so that a reload repeats nothing."""
    return RedirectResponse(address, 303)


def _context(call: Call, context: Mapping[str, Any]) -> Mapping[str, Any]:
    """What every page knows of somebody who is signed in, besides its own."""
    secret, cookie = call.request.state.session_secret, call.request.cookies.get(COOKIE, "")
    return {
        **context,
        "caller": call.caller,
        "now": rfc3339(call.now_ms),
        "may_change": call.caller.scope == keys.WRITE,
        "form_token": form_token(secret, cookie),
    }


def _known(request: Request, context: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"path": request.url.path, "said": request.query_params.get("said", ""), **context}


def _page(request: Request, template: str, status: int, context: Mapping[str, Any]) -> Response:
    return HTMLResponse(_TEMPLATES.get_template(template).render(_known(request, context)), status)
