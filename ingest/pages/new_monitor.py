"""A form for a new monitor. Whoever sends it lands on the page of the monitor, where its ping URL is."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import monitors
from ingest.api.call import Call
from ingest.api.monitors import CreateMonitor
from ingest.pages.channel_choices import choices
from ingest.pages.endpoint import READ_ONLY
from ingest.pages.forms import REFUSED, Form, Refused, asked, refused
from ingest.pages.monitor_fields import MonitorFields, fields_at_first, fields_typed, values_of
from ingest.pages.render import render, see
from store.book import keys


async def show(call: Call) -> Response:
    if call.caller.scope != keys.WRITE:
        return render(call, "error.html", 403, code=403, sentence=READ_ONLY)
    return await _form(call, fields_at_first(call))


async def take(call: Call, form: Form) -> Response:
    """Make the monitor, or show the form again as it was filled in."""
    fields = fields_typed(form)
    try:
        made = await monitors.make(call, asked(CreateMonitor, **values_of(fields)))
    except REFUSED as error:
        return await _form(call, fields, refused(error))
    return see(f"/monitors/{made.id}?said=created")


async def _form(call: Call, fields: MonitorFields, error: Refused | None = None) -> Response:
    return render(
        call,
        "new_monitor.html",
        error.status if error else 200,
        fields=fields,
        channels=await choices(call),
        error=error,
    )
