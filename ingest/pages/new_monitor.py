"""A form for a new monitor. Whoever sends it lands on the page of the monitor, where its ping URL is."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import monitors
from ingest.api.call import Call
from ingest.api.monitors import CreateMonitor
from ingest.pages.endpoint import READ_ONLY
from ingest.pages.forms import REFUSED, Form, asked, refused
from ingest.pages.monitor_fields import fields_at_first, fields_typed, values_of
from ingest.pages.render import render, see
from store.book import keys


async def show(call: Call) -> Response:
    if call.caller.scope != keys.WRITE:
        return render(call, "error.html", 403, code=403, sentence=READ_ONLY)
    return render(call, "new_monitor.html", fields=fields_at_first(call), error=None)


async def take(call: Call, form: Form) -> Response:
    """Make the monitor, or show the form again as it was filled in."""
    fields = fields_typed(form)
    try:
        made = await monitors.make(call, asked(CreateMonitor, **values_of(fields)))
    except REFUSED as error:
        why = refused(error)
        return render(call, "new_monitor.html", why.status, fields=fields, error=why)
    return see(f"/monitors/{made.id}?said=created")
