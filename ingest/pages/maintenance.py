"""When nobody is told: the maintenance windows, a form for one more, and a page for each."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ingest.api import maintenance
from ingest.api.call import Call
from ingest.api.window_bodies import CreateWindow, PatchWindow
from ingest.pages.forms import REFUSED, Form, Refused, asked, refused
from ingest.pages.render import render, see
from ingest.pages.window_fields import WindowFields, fields_at_first, fields_of, fields_typed, values_of
from ingest.pages.window_monitors import ids_of, offered
from store.maintenance import WEEKDAYS


async def show(call: Call) -> Response:
    return await _list(call, fields_at_first(call.request.query_params.get("monitor", "")))


async def create(call: Call, form: Form) -> Response:
    """Make the window, or show the form again as it was filled in."""
    fields = fields_typed(form)
    try:
        await maintenance.make(call, asked(CreateWindow, **await _values(call, fields)))
    except REFUSED as error:
        return await _list(call, fields, refused(error))
    return see("/maintenance?said=made")


async def show_one(call: Call) -> Response:
    return await _one(call)


async def change(call: Call, form: Form) -> Response:
    fields = fields_typed(form)
    try:
        await maintenance.edit(call, asked(PatchWindow, **await _values(call, fields)))
    except REFUSED as error:
        return await _one(call, fields, refused(error))
    return see("/maintenance?said=changed")


async def confirm(call: Call) -> Response:
    return render(call, "window_delete.html", window=await maintenance.find(call))


async def delete(call: Call, _: Form) -> Response:
    await maintenance.remove(call)
    return see("/maintenance?said=deleted")


async def _values(call: Call, fields: WindowFields) -> dict[str, Any]:
    values = values_of(fields)
    return {**values, "monitors": await ids_of(call, values["monitors"])} if values["monitors"] else values


async def _list(call: Call, fields: WindowFields, error: Refused | None = None) -> Response:
    return render(
        call,
        "maintenance.html",
        error.status if error else 200,
        found=await maintenance.page(call),
        fields=fields,
        offered=await offered(call),
        error=error,
        weekdays=WEEKDAYS,
    )


async def _one(call: Call, fields: WindowFields | None = None, error: Refused | None = None) -> Response:
    window = await maintenance.find(call)
    return render(
        call,
        "window.html",
        error.status if error else 200,
        window=window,
        fields=fields or fields_of(window),
        offered=await offered(call),
        error=error,
        weekdays=WEEKDAYS,
    )
