"""Changes to a monitor: edit, pause, resume, and delete after a question."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import monitors, registry
from ingest.api.call import Call
from ingest.api.monitors import MonitorReply, PatchMonitor
from ingest.pages.durations import Duration, seconds_of, shown_duration, typed_duration
from ingest.pages.forms import REFUSED, Form, Refused, asked, refused
from ingest.pages.render import render, see
from store.monitor import MAX_GRACE_S, MAX_INTERVAL_S, MIN_GRACE_S, MIN_INTERVAL_S


async def show_edit(call: Call) -> Response:
    monitor = await monitors.find(call, call.public_id)
    return _form(
        call,
        monitor,
        name=monitor.name,
        interval=shown_duration(monitor.interval),
        grace=shown_duration(monitor.grace_period),
        tags=", ".join(monitor.tags),
    )


async def edit(call: Call, form: Form) -> Response:
    """Change the monitor, or show the form again as it was filled in."""
    interval, grace = typed_duration(form, "interval"), typed_duration(form, "gracePeriod")
    try:
        wanted = asked(
            PatchMonitor,
            name=form.text("name"),
            interval=seconds_of(interval, "interval", MIN_INTERVAL_S, MAX_INTERVAL_S),
            grace_period=seconds_of(grace, "gracePeriod", MIN_GRACE_S, MAX_GRACE_S),
            tags=_tags(form.text("tags")),
        )
        monitor = await monitors.edit(call, call.public_id, wanted)
    except REFUSED as error:
        said = refused(error)
        monitor = await monitors.find(call, call.public_id)
        return _form(
            call,
            monitor,
            said.status,
            name=form.text("name"),
            interval=interval,
            grace=grace,
            tags=form.text("tags"),
            error=said,
        )
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


def _form(
    call: Call,
    monitor: MonitorReply,
    status: int = 200,
    *,
    name: str,
    interval: Duration,
    grace: Duration,
    tags: str,
    error: Refused | None = None,
) -> Response:
    return render(
        call,
        "monitor_edit.html",
        status,
        monitor=monitor,
        address=f"/monitors/{monitor.id}",
        name=name,
        interval=interval,
        grace=grace,
        tags=tags,
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


def _tags(text: str) -> list[str]:
    """Tags as they are typed, with commas between."""
    return [tag for one in text.split(",") if (tag := one.strip())]
