"""A form for a new monitor. Whoever sends it lands on the page of the monitor, where its ping URL is."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from ingest.api import monitors, registry
from ingest.api.call import Call
from ingest.api.monitors import CreateMonitor
from ingest.pages.amounts import UNITS, amount_of, seconds_in
from ingest.pages.endpoint import READ_ONLY
from ingest.pages.forms import REFUSED, Form, asked, refused
from ingest.pages.render import render, see
from store.book import keys

# What most jobs are; the same as a monitor gets that is made without saying it in the first spelling.
USUAL_INTERVAL_S = 3600
USUAL_GRACE_S = 300
FIELDS = ("name", "interval", "intervalUnit", "gracePeriod", "gracePeriodUnit", "tags")


async def show(call: Call) -> Response:
    if call.caller.scope != keys.WRITE:
        return render(call, "error.html", 403, code=403, sentence=READ_ONLY)
    return render(call, "new_monitor.html", fields=fields_at_first(call), units=UNITS, error=None)


async def take(call: Call, form: Form) -> Response:
    try:
        made = await monitors.make(call, _wanted(form))
    except REFUSED as error:
        why = refused(error)
        typed = {name: form.text(name) for name in FIELDS}
        return render(call, "new_monitor.html", why.status, fields=typed, units=UNITS, error=why)
    return see(f"/monitors/{made.id}?said=created")


def fields_at_first(call: Call) -> Mapping[str, str]:
    """The form before anything was typed, as the caller's plan allows it."""
    interval, interval_unit = amount_of(registry.usual_interval_s(call, USUAL_INTERVAL_S))
    grace, grace_unit = amount_of(USUAL_GRACE_S)
    return dict(zip(FIELDS, ("", interval, interval_unit, grace, grace_unit, ""), strict=True))


def tags_in(text: str) -> tuple[str, ...]:
    """Tags with commas between."""
    return tuple(tag for part in text.split(",") if (tag := part.strip()))


def _wanted(form: Form) -> CreateMonitor:
    return asked(
        CreateMonitor,
        name=form.text("name"),
        interval=seconds_in(form, "interval"),
        grace_period=seconds_in(form, "gracePeriod"),
        tags=tags_in(form.text("tags")),
    )
