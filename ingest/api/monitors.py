"""Monitors in the second spelling: camelCase, seconds as numbers, `/api/monitors`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from ingest.api import finding, registry
from ingest.api.call import Call
from ingest.api.creating import creates
from ingest.api.entity_tags import tagged
from ingest.api.fields import Name, Tags
from ingest.api.finding import FilterQuery
from ingest.api.operation import operation
from ingest.api.query import QueryDecoder
from ingest.api.registry import Watched
from ingest.api.wire import Json, given
from store.book import monitors
from store.book.database import ConfigBook, Transaction
from store.book.monitors import MonitorChanges, NewMonitor
from store.monitor import MAX_GRACE_S, MAX_INTERVAL_S, MIN_GRACE_S, MIN_INTERVAL_S
from store.timestamps import moment, rfc3339
from store.wishes import (
    INTERVAL,
    MAX_FAILURES,
    MAX_REMINDER_S,
    MAX_RUNTIME_S,
    SCHEDULE,
    TIMEZONE,
    WishChanges,
    asked_anew,
)

USUAL_INTERVAL_S = 60

Status = Literal["new", "up", "late", "down", "paused"]
STATUSES = {word: {word} for word in get_args(Status)}

IntervalS = Annotated[int, Meta(ge=MIN_INTERVAL_S, le=MAX_INTERVAL_S)]
GraceS = Annotated[int, Meta(ge=MIN_GRACE_S, le=MAX_GRACE_S)]


# What takes a run, and how often a down is told again; nothing, or 0: whatever it takes, and once.
RuntimeS = Annotated[int, Meta(ge=0, le=MAX_RUNTIME_S)]
ReminderS = Annotated[int, Meta(ge=0, le=MAX_REMINDER_S)]
Failures = Annotated[int, Meta(ge=1, le=MAX_FAILURES)]

# The channels that are told; a list that is there names at least one.
Named = Annotated[tuple[UUID, ...], Meta(min_length=1)]


class CreateMonitor(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of POST /api/monitors; without interval or schedule it is a minute, or longer if the plan says so."""

    name: Name
    type: Literal["heartbeat"] = "heartbeat"
    interval: IntervalS | UnsetType | None = UNSET
    grace_period: GraceS = 30
    tags: Tags = ()
    channels: Named | None = None
    schedule: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    max_runtime: RuntimeS | UnsetType | None = UNSET
    failures_before_alert: Failures | UnsetType = UNSET
    reminder_interval: ReminderS | UnsetType | None = UNSET
    arm_on_first_ping: bool | UnsetType = UNSET


class PatchMonitor(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of PATCH /api/monitors/{id}; what is left out stays as it is."""

    name: Name | UnsetType = UNSET
    interval: IntervalS | UnsetType | None = UNSET
    grace_period: GraceS | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    channels: Named | UnsetType | None = UNSET
    schedule: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    max_runtime: RuntimeS | UnsetType | None = UNSET
    failures_before_alert: Failures | UnsetType = UNSET
    reminder_interval: ReminderS | UnsetType | None = UNSET
    arm_on_first_ping: bool | UnsetType = UNSET


class MaintenanceNow(msgspec.Struct, frozen=True):
    """The maintenance window that is on."""

    until: str


class MonitorReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A monitor as callers see it; one who may only read sees no ping URL. `channels` null: the default ones.

    It has either an `interval` or a `schedule` with its `timezone`. `maintenance` null: no window is on.
    """

    id: str
    name: str
    type: str
    status: str
    interval: int | None
    schedule: str | None
    timezone: str | None
    grace_period: int
    max_runtime: int | None
    failures_before_alert: int
    reminder_interval: int | None
    arm_on_first_ping: bool
    maintenance: MaintenanceNow | None
    paused: bool
    tags: tuple[str, ...]
    channels: tuple[UUID, ...] | None
    ping_url: str | None
    created_at: str
    last_ping_at: str | None
    next_deadline: str | None


class MonitorsReply(msgspec.Struct, frozen=True, rename="camel"):
    monitors: list[MonitorReply]
    next_cursor: str | None


class MonitorsQuery(FilterQuery, frozen=True, kw_only=True):
    """Which page of which monitors."""

    status: Annotated[tuple[Status, ...], Meta(description="Those with one of these statuses.")] = ()


_LIST = QueryDecoder(MonitorsQuery)
_CREATE = msgspec.json.Decoder(CreateMonitor)
_PATCH = msgspec.json.Decoder(PatchMonitor)


async def configured(call: Call, source: ConfigBook | Transaction) -> object:
    """What was asked for of the monitor in the path: whatever a PATCH can change."""
    row = await monitors.find(source, call.org_id, call.public_id)
    reply = reply_of(call, Watched(row, None, call.now_ms))
    return [getattr(reply, name) for name in PatchMonitor.__struct_fields__]


async def again(call: Call, made: str) -> Response:
    return Json(await find(call, UUID(made)), 201)


@operation(
    "Monitors",
    "Make a monitor",
    "It is watched from now on: a job that never pings is noticed too.",
    body=_CREATE,
    reply=MonitorReply,
    status=201,
)
@creates(again, tagged=configured)
async def create(call: Call) -> Response:
    return Json(await make(call, await call.body(_CREATE)), 201)


@operation(
    "Monitors",
    "List monitors",
    "Oldest first. `status`, `tag` and `q` together mean all of it; with them a page may be shorter than `limit`, even "
    "empty, and its `nextCursor` goes on from there.",
    query=_LIST,
    reply=MonitorsReply,
)
async def listing(call: Call) -> Response:
    return Json(await page(call))


@operation("Monitors", "Look at a monitor", reply=MonitorReply)
@tagged(configured)
async def show(call: Call) -> Response:
    return Json(await find(call, call.public_id))


@operation(
    "Monitors",
    "Change a monitor",
    "What is left out stays as it is. An edit never makes a monitor overdue by itself.",
    body=_PATCH,
    reply=MonitorReply,
)
@tagged(configured)
async def change(call: Call) -> Response:
    return Json(await edit(call, call.public_id, await call.body(_PATCH)))


@operation(
    "Monitors",
    "Watch a monitor no longer",
    "If it is down, its incident ends, and nobody is told of that.",
    reply=MonitorReply,
)
async def pause(call: Call) -> Response:
    return Json(await edit(call, call.public_id, PatchMonitor(paused=True)))


@operation("Monitors", "Watch a monitor again, from now", reply=MonitorReply)
async def resume(call: Call) -> Response:
    return Json(await edit(call, call.public_id, PatchMonitor(paused=False)))


@operation("Monitors", "Delete a monitor", "Pings to its keys find nothing from then on.", status=204)
@tagged(configured)
async def delete(call: Call) -> Response:
    await registry.delete(call, call.public_id)
    return Response(status_code=204)


async def make(call: Call, asked: CreateMonitor) -> MonitorReply:
    """A new monitor, watched when this returns."""
    usual_s = registry.usual_interval_s(call, USUAL_INTERVAL_S)
    wishes, interval_s = asked_anew(wishes_in(asked), given(asked.interval), usual_s)
    new = NewMonitor(
        org_id=call.org_id,
        name=asked.name,
        interval_s=interval_s,
        grace_s=asked.grace_period,
        origin="monitors",
        tags=asked.tags,
        channels=asked.channels or (),
        wishes=wishes,
    )
    return reply_of(call, await registry.create(call, new, "interval"))


async def page(call: Call) -> MonitorsReply:
    """The page that the request's query asks for."""
    asked = _LIST.decode(call.request)
    wanted = finding.filter_of(asked.status, asked.tag, asked.q, STATUSES)
    watched, next_cursor = await finding.page(call, asked.page, wanted)
    return MonitorsReply([reply_of(call, one) for one in watched], next_cursor)


async def find(call: Call, public_id: UUID) -> MonitorReply:
    return reply_of(call, await registry.find(call, public_id))


async def edit(call: Call, public_id: UUID, asked: PatchMonitor) -> MonitorReply:
    """Change what is given."""
    changes = MonitorChanges(
        name=given(asked.name),
        interval_s=given(asked.interval),
        grace_s=given(asked.grace_period),
        paused=given(asked.paused),
        tags=given(asked.tags),
        channels=None if isinstance(asked.channels, UnsetType) else asked.channels or (),
        wishes=wishes_in(asked),
    )
    return reply_of(call, await registry.change(call, public_id, changes))


def wishes_in(asked: CreateMonitor | PatchMonitor) -> WishChanges:
    """What a body says of a monitor beyond interval and grace."""
    named = {INTERVAL: asked.interval, SCHEDULE: asked.schedule, TIMEZONE: asked.timezone}
    return WishChanges(
        without=frozenset(name for name, value in named.items() if value is None),
        schedule=given(asked.schedule),
        timezone=given(asked.timezone),
        max_runtime_s=0 if asked.max_runtime is None else given(asked.max_runtime),
        failures=given(asked.failures_before_alert),
        reminder_s=0 if asked.reminder_interval is None else given(asked.reminder_interval),
        is_armed_by_ping=given(asked.arm_on_first_ping),
    )


def reply_of(call: Call, watched: Watched) -> MonitorReply:
    """A monitor as this caller may see it."""
    row, wishes, quiet_until = watched.row, watched.row.wishes, moment(watched.quiet_until_ms)
    return MonitorReply(
        id=str(row.config.public_id),
        name=row.config.name,
        type="heartbeat",
        status=watched.status,
        interval=row.config.interval_s if wishes.schedule is None else None,
        schedule=wishes.schedule,
        timezone=wishes.timezone,
        grace_period=row.config.grace_s,
        max_runtime=wishes.max_runtime_s or None,
        failures_before_alert=wishes.failures,
        reminder_interval=wishes.reminder_s or None,
        arm_on_first_ping=wishes.is_armed_by_ping,
        maintenance=MaintenanceNow(quiet_until) if quiet_until is not None else None,
        paused=row.config.paused,
        tags=row.tags,
        channels=row.channels or None,
        ping_url=f"{call.base_url}/ping/{row.token}" if call.may_see_ping_keys else None,
        created_at=rfc3339(row.created_ms),
        last_ping_at=moment(watched.seen_ms),
        next_deadline=moment(watched.deadline_ms),
    )
