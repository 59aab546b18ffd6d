"""What can be said of a maintenance window in a form; moments are typed as the clock of a zone shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingest.api.maintenance import WindowReply
from ingest.pages.durations import Duration, seconds_of, shown_duration, typed_duration
from ingest.pages.forms import Form
from store.cron import UTC_ZONE, zone_named
from store.errors import Invalid
from store.maintenance import MAX_DURATION_S, MIN_DURATION_S

USUAL_DURATION_S = 3600
KINDS = ("once", "weekly", "cron")
SCOPES = {"all": True, "some": False}


class WindowFields(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the fields, as it is typed; `monitors` are ids and names, as lines. `is_for_all` is None where
    nobody said for whom."""

    name: str
    kind: str
    from_: str
    to: str
    weekdays: Sequence[str]
    start: str
    cron: str
    duration: Duration
    timezone: str
    is_for_all: bool | None
    tags: str
    monitors: Sequence[str]


def fields_at_first(monitor: str = "") -> WindowFields:
    """Before anything was typed; for a monitor, if one is named."""
    return WindowFields(
        name="",
        kind="once",
        from_="",
        to="",
        weekdays=(),
        start="",
        cron="",
        duration=shown_duration(USUAL_DURATION_S),
        timezone=UTC_ZONE,
        is_for_all=not monitor,
        tags="",
        monitors=[monitor] if monitor else (),
    )


def fields_of(window: WindowReply) -> WindowFields:
    """As the window is; moments in UTC."""
    return WindowFields(
        name=window.name,
        kind=window.kind,
        from_=_shown(window.from_),
        to=_shown(window.to),
        weekdays=window.weekdays or (),
        start=window.start or "",
        cron=window.cron or "",
        duration=shown_duration(window.duration or USUAL_DURATION_S),
        timezone=window.timezone or UTC_ZONE,
        is_for_all=window.whole_organisation,
        tags=", ".join(window.tags),
        monitors=[str(one) for one in window.monitors],
    )


def fields_typed(form: Form) -> WindowFields:
    """As somebody typed it."""
    return WindowFields(
        name=form.text("name"),
        kind=form.text("kind"),
        from_=form.text("from"),
        to=form.text("to"),
        weekdays=form.all("weekdays"),
        start=form.text("start"),
        cron=form.text("cron"),
        duration=typed_duration(form, "duration"),
        timezone=form.text("timezone") or UTC_ZONE,
        is_for_all=SCOPES.get(form.text("scope")),
        tags=form.text("tags"),
        monitors=[
            line.strip() for text in form.all("monitors") for line in text.splitlines() if line.strip()
        ],
    )


def values_of(fields: WindowFields) -> dict[str, Any]:
    """The same as the bodies of the API name it, but for monitors, which may be named by their names still.

    Raises:
        Invalid: a moment or a length of time is none; names the field.
    """
    return {"name": fields.name, **_times(fields), **_scope(fields)}


def _times(fields: WindowFields) -> dict[str, Any]:
    if fields.kind not in KINDS:
        raise Invalid(f"A window is one of {', '.join(KINDS)}.", "kind")
    if fields.kind == "once":
        return {
            "from_": _moment(fields.from_, fields.timezone, "from"),
            "to": _moment(fields.to, fields.timezone, "to"),
        }
    again = {
        "duration": seconds_of(fields.duration, "duration", MIN_DURATION_S, MAX_DURATION_S),
        "timezone": fields.timezone,
    }
    if fields.kind == "weekly":
        return {"weekdays": list(fields.weekdays), "start": fields.start, **again}
    return {"cron": fields.cron, **again}


def _scope(fields: WindowFields) -> dict[str, Any]:
    if fields.is_for_all is None:
        raise Invalid("Which monitors is it for? Say `all` or `some`.", "scope")
    if fields.is_for_all:
        return {"tags": None, "monitors": None}
    tags = [tag for one in fields.tags.split(",") if (tag := one.strip())]
    if not tags and not fields.monitors:
        raise Invalid("Which monitors? Name a tag, or choose some.", "tags")
    return {"tags": tags, "monitors": fields.monitors}


def _moment(text: str, zone: str, field: str) -> str:
    """What a clock of the zone shows, as RFC 3339."""
    try:
        shown = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("A moment is written as 2026-03-02T02:00.", field) from None
    return shown.replace(tzinfo=shown.tzinfo or zone_named(zone)).isoformat(timespec="seconds")


def _shown(at: str | None) -> str:
    return at[:19] if at is not None else ""
