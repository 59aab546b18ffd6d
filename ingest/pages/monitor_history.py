"""All pings and all incidents of a monitor, page by page."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import history, monitors
from ingest.api.call import Call
from ingest.pages.render import render

PAGE = 100


async def pings(call: Call) -> Response:
    monitor = await monitors.find(call, call.public_id)
    page = await history.pings_page(call, PAGE)
    return render(
        call,
        "monitor_pings.html",
        monitor=monitor,
        address=f"/monitors/{monitor.id}",
        page=page,
        chosen=call.request.query_params.get("signal", ""),
        is_later=_is_later(call),
    )


async def incidents(call: Call) -> Response:
    monitor = await monitors.find(call, call.public_id)
    page = await history.incidents_page(call, PAGE)
    return render(
        call,
        "monitor_incidents.html",
        monitor=monitor,
        address=f"/monitors/{monitor.id}",
        page=page,
        is_later=_is_later(call),
    )


def _is_later(call: Call) -> bool:
    """Whether this is not the first page."""
    return bool(call.request.query_params.get("before"))
