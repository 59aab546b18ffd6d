"""What can be said of a monitor in a form, new or edited: when it is due, what is tolerated, name and tags."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.api import registry
from ingest.api.call import Call
from ingest.api.monitors import MonitorReply
from ingest.pages.durations import Duration, seconds_of, shown_duration, typed_duration
from ingest.pages.forms import Form
from store.cron import UTC_ZONE
from store.monitor import MAX_GRACE_S, MAX_INTERVAL_S, MIN_GRACE_S, MIN_INTERVAL_S
from store.wishes import MAX_REMINDER_S, MAX_RUNTIME_S, MIN_REMINDER_S

# What most jobs are; the same as a monitor gets that is made without saying it in the first spelling.
USUAL_INTERVAL_S = 3600
USUAL_GRACE_S = 300
BY_INTERVAL, BY_SCHEDULE = "interval", "schedule"
NO_DURATION = Duration("", "minutes")


class MonitorFields(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the fields, as it is typed."""

    name: str
    due: str
    interval: Duration
    schedule: str
    timezone: str
    grace: Duration
    tags: str
    failures: str
    max_runtime: Duration
    reminder: Duration
    is_armed_by_ping: bool
    channels: tuple[str, ...] = ()


def fields_at_first(call: Call) -> MonitorFields:
    """Before anything was typed, as the caller's plan allows it."""
    return MonitorFields(
        name="",
        due=BY_INTERVAL,
        interval=shown_duration(registry.usual_interval_s(call, USUAL_INTERVAL_S)),
        schedule="",
        timezone=UTC_ZONE,
        grace=shown_duration(USUAL_GRACE_S),
        tags="",
        failures="1",
        max_runtime=NO_DURATION,
        reminder=NO_DURATION,
        is_armed_by_ping=False,
    )


def fields_of(monitor: MonitorReply) -> MonitorFields:
    """As the monitor is."""
    return MonitorFields(
        name=monitor.name,
        due=BY_SCHEDULE if monitor.schedule else BY_INTERVAL,
        interval=shown_duration(monitor.interval or USUAL_INTERVAL_S),
        schedule=monitor.schedule or "",
        timezone=monitor.timezone or UTC_ZONE,
        grace=shown_duration(monitor.grace_period),
        tags=", ".join(monitor.tags),
        failures=str(monitor.failures_before_alert),
        max_runtime=shown_duration(monitor.max_runtime) if monitor.max_runtime else NO_DURATION,
        reminder=shown_duration(monitor.reminder_interval) if monitor.reminder_interval else NO_DURATION,
        is_armed_by_ping=monitor.arm_on_first_ping,
        channels=tuple(map(str, monitor.channels or ())),
    )


def fields_typed(form: Form) -> MonitorFields:
    """As somebody typed it."""
    return MonitorFields(
        name=form.text("name"),
        due=form.text("due") or BY_INTERVAL,
        interval=typed_duration(form, "interval"),
        schedule=form.text("schedule"),
        timezone=form.text("timezone") or UTC_ZONE,
        grace=typed_duration(form, "gracePeriod"),
        tags=form.text("tags"),
        failures=form.text("failuresBeforeAlert") or "1",
        max_runtime=typed_duration(form, "maxRuntime"),
        reminder=typed_duration(form, "reminderInterval"),
        is_armed_by_ping=form.text("armOnFirstPing") == "on",
        channels=tuple(form.all("channels")),
    )


def values_of(fields: MonitorFields) -> dict[str, Any]:
    """The same as the bodies of the API name it.

    Raises:
        Invalid: a length of time is none, or outside its limits; names the field.
    """
    return {
        "name": fields.name,
        **_due_by(fields),
        "grace_period": seconds_of(fields.grace, "gracePeriod", MIN_GRACE_S, MAX_GRACE_S),
        "tags": [tag for one in fields.tags.split(",") if (tag := one.strip())],
        "failures_before_alert": fields.failures,
        "max_runtime": _seconds_or_none(fields.max_runtime, "maxRuntime", 1, MAX_RUNTIME_S),
        "reminder_interval": _seconds_or_none(
            fields.reminder, "reminderInterval", MIN_REMINDER_S, MAX_REMINDER_S
        ),
        "arm_on_first_ping": fields.is_armed_by_ping,
        "channels": fields.channels or None,
    }


def _due_by(fields: MonitorFields) -> dict[str, Any]:
    """Either of the two; what was typed for the other does not matter."""
    if fields.due == BY_SCHEDULE:
        return {"schedule": fields.schedule, "timezone": fields.timezone}
    return {"interval": seconds_of(fields.interval, "interval", MIN_INTERVAL_S, MAX_INTERVAL_S)}


def _seconds_or_none(typed: Duration, field: str, least: int, most: int) -> int | None:
    return seconds_of(typed, field, least, most) if typed.amount else None
