"""What can be said of a monitor in a form, new or edited: name, interval, grace, tags."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.api import registry
from ingest.api.call import Call
from ingest.api.monitors import MonitorReply
from ingest.pages.durations import Duration, seconds_of, shown_duration, typed_duration
from ingest.pages.forms import Form
from store.monitor import MAX_GRACE_S, MAX_INTERVAL_S, MIN_GRACE_S, MIN_INTERVAL_S

# What most jobs are; the same as a monitor gets that is made without saying it in the first spelling.
USUAL_INTERVAL_S = 3600
USUAL_GRACE_S = 300


class MonitorFields(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the fields, as it is typed."""

    name: str
    interval: Duration
    grace: Duration
    tags: str


def fields_at_first(call: Call) -> MonitorFields:
    """Before anything was typed, as the caller's plan allows it."""
    return MonitorFields(
        name="",
        interval=shown_duration(registry.usual_interval_s(call, USUAL_INTERVAL_S)),
        grace=shown_duration(USUAL_GRACE_S),
        tags="",
    )


def fields_of(monitor: MonitorReply) -> MonitorFields:
    """As the monitor is."""
    return MonitorFields(
        name=monitor.name,
        interval=shown_duration(monitor.interval or USUAL_INTERVAL_S),
        grace=shown_duration(monitor.grace_period),
        tags=", ".join(monitor.tags),
    )


def fields_typed(form: Form) -> MonitorFields:
    """As somebody typed it."""
    return MonitorFields(
        name=form.text("name"),
        interval=typed_duration(form, "interval"),
        grace=typed_duration(form, "gracePeriod"),
        tags=form.text("tags"),
    )


def values_of(fields: MonitorFields) -> dict[str, Any]:
    """The same as the bodies of the API name it.

    Raises:
        Invalid: a length of time is none, or outside its limits; names the field.
    """
    return {
        "name": fields.name,
        "interval": seconds_of(fields.interval, "interval", MIN_INTERVAL_S, MAX_INTERVAL_S),
        "grace_period": seconds_of(fields.grace, "gracePeriod", MIN_GRACE_S, MAX_GRACE_S),
        "tags": [tag for one in fields.tags.split(",") if (tag := one.strip())],
    }
