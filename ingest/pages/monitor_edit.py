"""Changes to a monitor: edit, pause, resume, and delete after a question."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import monitors, registry
from ingest.api.call import Call
from ingest.api.monitors import MonitorReply, PatchMonitor
from ingest.pages.forms import REFUSED, Form, Refused, asked, refused
from ingest.pages.monitor_fields import MonitorFields, fields_of, fields_typed, values_of
from ingest.pages.render import render, see
from store.book import channels
from store.book.channels import MAX_CHANNELS


async def show_edit(call: Call) -> Response:
    monitor = await monitors.find(call, call.public_id)
    return await _form(call, monitor, fields_of(monitor))


async def edit(call: Call, form: Form) -> Response:
    """Change the monitor, or show the form again as it was filled in."""
    fields = fields_typed(form)
    try:
        monitor = await monitors.edit(call, call.public_id, asked(PatchMonitor, **values_of(fields)))
    except REFUSED as error:
        return await _form(call, await monitors.find(call, call.public_id), fields, refused(error))
    return see(f"/monitors/{monitor.id}?said=changed")


async def pause(call: Call, _: Form) -> Response:
    monitor = await monitors.edit(call, call.public_id, PatchMonitor(paused=True))
    return see(f"/monitors/{monitor.id}")


async def resume(call: Call, _: Form) -> Response:
    monitor = await monitors.edit(call, call.public_id, PatchMonitor(paused=False))
    return see(f"/monitors/{monitor.id}")


async def show_delete(call: Call) -> Response:
    return _question(call, await monitors.find(call, call.public_id))


async def delete(call: Call, _: Form) -> Response:
    try:
        await registry.delete(call, call.public_id)
    except REFUSED as error:
        return _question(call, await monitors.find(call, call.public_id), refused(error))
    return see("/?said=delete&n=1")


async def _form(
    call: Call, monitor: MonitorReply, fields: MonitorFields, error: Refused | None = None
) -> Response:
    return render(
        call,
        "monitor_edit.html",
        error.status if error else 200,
        monitor=monitor,
        address=f"/monitors/{monitor.id}",
        fields=fields,
        channels=await channels.page(call.book, call.org_id, 0, MAX_CHANNELS),
        error=error,
    )


def _question(call: Call, monitor: MonitorReply, error: Refused | None = None) -> Response:
    return render(
        call,
        "monitor_delete.html",
        error.status if error else 200,
        monitor=monitor,
        address=f"/monitors/{monitor.id}",
        error=error,
    )
