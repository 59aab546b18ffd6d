"""The page of a monitor, and what its script asks for: is there news, and what is it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ingest.api import history, lateness, metrics
from ingest.api.call import Call
from ingest.api.wire import Json
from ingest.pages.forms import Form, Refused
from ingest.pages.monitor_view import MonitorView, glance_at, view
from ingest.pages.render import render
from ingest.pages.snippets import snippets_for
from store.metric_alert import OPERATORS

UNCHANGED = 304
# So many incidents can be shaded in the charts of three days.
MOST_SHADED = 200


async def show(call: Call) -> Response:
    return await shown(call)


async def shown(
    call: Call, status: int = 200, form: Form | None = None, error: Refused | None = None
) -> Response:
    """The page; with a form that was refused, what was typed into it and why."""
    seen = await view(call)
    url = seen.monitor.ping_url
    return render(
        call,
        "monitor.html",
        status,
        **_context(seen),
        snippets=snippets_for(url) if url else [],
        operators=OPERATORS,
        form=form or Form(),
        error=error,
    )


async def live(call: Call) -> Response:
    """The parts of the page that change by themselves; 304 as long as they are what the caller has."""
    glance = await glance_at(call)
    if call.request.headers.get("if-none-match") == glance.tag:
        return Response(status_code=UNCHANGED, headers={"etag": glance.tag})
    seen = await view(call)
    response = render(call, "monitor_live.html", **_context(seen))
    response.headers["etag"] = seen.tag
    return response


async def points(call: Call) -> Response:
    """Of the key in the query: in a path, one that is called `..` would lead elsewhere."""
    return Json(await metrics.points_of(call, call.request.query_params.get("key", "")))


async def late_points(call: Call) -> Response:
    return Json(await lateness.find(call))


async def shaded(call: Call) -> Response:
    return Json(await history.incidents_page(call, MOST_SHADED))


def _context(seen: MonitorView) -> dict[str, Any]:
    return {"seen": seen, "monitor": seen.monitor, "address": f"/monitors/{seen.monitor.id}"}
