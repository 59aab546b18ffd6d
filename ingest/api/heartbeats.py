"""Monitors in the first spelling: snake_case, a schedule in words, a short key, `/api/v1/heartbeats`."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode
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
from ingest.api.monitors import Failures, ReminderS, RuntimeS, configured
from ingest.api.operation import operation
from ingest.api.query import QueryDecoder
from ingest.api.registry import Watched
from ingest.api.wire import Json, given
from store.book.monitors import MonitorChanges, NewMonitor
from store.monitor import MAX_GRACE_S, MIN_GRACE_S
from store.schedule import is_cron, parse_schedule, say_schedule
from store.wishes import TIMEZONE, WishChanges, asked_anew, check_reminder

PATH = "/api/v1/heartbeats"

GraceS = Annotated[int, Meta(ge=MIN_GRACE_S, le=MAX_GRACE_S)]

# This spelling knows neither `new` nor `up`: what nothing is known against is healthy.
_STATUS = {"new": "healthy", "up": "healthy"}
STATUSES = {"healthy": {"new", "up"}, "late": {"late"}, "down": {"down"}, "paused": {"paused"}}
Status = Literal["healthy", "late", "down", "paused"]
USUAL_INTERVAL_S = 3600


class CreateHeartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /api/v1/heartbeats; without a schedule it is an hour, or longer if the plan asks for it."""

    name: Name
    schedule: str | UnsetType = UNSET
    grace_period_seconds: GraceS = 300
    tags: Tags = ()
    timezone: str | UnsetType | None = UNSET
    max_runtime_seconds: RuntimeS | UnsetType | None = UNSET
    failures_before_alert: Failures | UnsetType = UNSET
    reminder_interval_seconds: ReminderS | UnsetType | None = UNSET
    arm_on_first_ping: bool | UnsetType = UNSET


class PatchHeartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PATCH /api/v1/heartbeats/{id}; what is left out stays as it is."""

    name: Name | UnsetType = UNSET
    schedule: str | UnsetType = UNSET
    grace_period_seconds: GraceS | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    timezone: str | UnsetType | None = UNSET
    max_runtime_seconds: RuntimeS | UnsetType | None = UNSET
    failures_before_alert: Failures | UnsetType = UNSET
    reminder_interval_seconds: ReminderS | UnsetType | None = UNSET
    arm_on_first_ping: bool | UnsetType = UNSET


class HeartbeatReply(msgspec.Struct, frozen=True):
    """A monitor as callers of this spelling see it; one who may only read sees no key."""

    id: str
    name: str
    schedule: str
    timezone: str | None
    grace_period_seconds: int
    unique_key: str | None
    status: str
    tags: tuple[str, ...]
    max_runtime_seconds: int | None
    failures_before_alert: int
    reminder_interval_seconds: int | None
    arm_on_first_ping: bool


class HeartbeatsQuery(FilterQuery, frozen=True, kw_only=True):
    """Which page of which monitors, in the words of this spelling."""

    status: Annotated[tuple[Status, ...], Meta(description="Those with one of these statuses.")] = ()


_LIST = QueryDecoder(HeartbeatsQuery)
_CREATE = msgspec.json.Decoder(CreateHeartbeat)
_PATCH = msgspec.json.Decoder(PatchHeartbeat)


async def again(call: Call, made: str) -> Response:
    return Json(_reply(call, await registry.find(call, UUID(made))), 201)


@operation(
    "Monitors, first spelling",
    "Make a monitor",
    "It gets a short key that people can read. It is watched from now on.",
    body=_CREATE,
    reply=HeartbeatReply,
    status=201,
)
@creates(again, tagged=configured)
async def create(call: Call) -> Response:
    asked = await call.body(_CREATE)
    usual_s = registry.usual_interval_s(call, USUAL_INTERVAL_S)
    wishes, interval_s = asked_anew(*_asked_of(asked), usual_s)
    new = NewMonitor(
        org_id=call.org_id,
        name=asked.name,
        interval_s=interval_s,
        grace_s=asked.grace_period_seconds,
        origin="heartbeats",
        tags=asked.tags,
        wishes=wishes,
    )
    return Json(_reply(call, await registry.create(call, new, "schedule")), 201)


@operation(
    "Monitors, first spelling",
    "List monitors",
    "Oldest first; the next page is in the `Link` header.",
    query=_LIST,
    reply=list[HeartbeatReply],
    reply_headers={"Link": '`<URL>; rel="next"`: where the next page is; absent on the last one.'},
)
async def listing(call: Call) -> Response:
    query = _LIST.decode(call.request)
    page, wanted = query.page, finding.filter_of(query.status, query.tag, query.q, STATUSES)
    watched, next_cursor = await finding.page(call, page, wanted)
    headers = None
    if next_cursor:
        asked = call.request.query_params
        filters = {name: asked[name] for name in finding.PARAMETERS if name in asked}
        there = urlencode({**filters, "limit": page.limit, "cursor": next_cursor})
        headers = {"link": f'<{call.base_url}{PATH}?{there}>; rel="next"'}
    return Json([_reply(call, one) for one in watched], headers=headers)


@operation("Monitors, first spelling", "Look at a monitor", reply=HeartbeatReply)
@tagged(configured)
async def show(call: Call) -> Response:
    return Json(_reply(call, await registry.find(call, call.public_id)))


@operation(
    "Monitors, first spelling",
    "Change a monitor",
    "What is left out stays as it is. An edit never makes a monitor overdue by itself.",
    body=_PATCH,
    reply=HeartbeatReply,
)
@tagged(configured)
async def change(call: Call) -> Response:
    asked = await call.body(_PATCH)
    wishes, interval_s = _asked_of(asked)
    changes = MonitorChanges(
        name=given(asked.name),
        interval_s=interval_s,
        grace_s=given(asked.grace_period_seconds),
        paused=given(asked.paused),
        tags=given(asked.tags),
        wishes=wishes,
    )
    return Json(_reply(call, await registry.change(call, call.public_id, changes, "schedule")))


@operation(
    "Monitors, first spelling", "Delete a monitor", "Pings to its keys find nothing from then on.", status=204
)
@tagged(configured)
async def delete(call: Call) -> Response:
    await registry.delete(call, call.public_id)
    return Response(status_code=204)


def _asked_of(asked: CreateHeartbeat | PatchHeartbeat) -> tuple[WishChanges, int | None]:
    """What a body says beyond its grace, with the interval that its schedule means, if that is no cron rule.

    Raises:
        Invalid: the schedule cannot be read, or a reminder would come too often.
    """
    schedule, interval_s = given(asked.schedule), None
    if schedule is not None and not is_cron(schedule):
        interval_s = parse_schedule(schedule)
        schedule = None
    reminder_s = 0 if asked.reminder_interval_seconds is None else given(asked.reminder_interval_seconds)
    check_reminder(reminder_s or 0, "reminder_interval_seconds")
    wishes = WishChanges(
        without=frozenset({TIMEZONE} if asked.timezone is None else ()),
        schedule=schedule,
        timezone=given(asked.timezone),
        max_runtime_s=0 if asked.max_runtime_seconds is None else given(asked.max_runtime_seconds),
        failures=given(asked.failures_before_alert),
        reminder_s=reminder_s,
        is_armed_by_ping=given(asked.arm_on_first_ping),
    )
    return wishes, interval_s


def _reply(call: Call, watched: Watched) -> HeartbeatReply:
    row = watched.row
    return HeartbeatReply(
        id=str(row.config.public_id),
        name=row.config.name,
        schedule=row.wishes.schedule or say_schedule(row.config.interval_s),
        timezone=row.wishes.timezone,
        grace_period_seconds=row.config.grace_s,
        unique_key=(row.short_key or row.token) if call.may_see_ping_keys else None,
        status=_STATUS.get(watched.status, watched.status),
        tags=row.tags,
        max_runtime_seconds=row.wishes.max_runtime_s or None,
        failures_before_alert=row.wishes.failures,
        reminder_interval_seconds=row.wishes.reminder_s or None,
        arm_on_first_ping=row.wishes.is_armed_by_ping,
    )
