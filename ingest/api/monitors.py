"""Monitors in the second spelling: camelCase, seconds as numbers, `/api/monitors`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from ingest.api import finding, registry
from ingest.api.call import Call
from ingest.api.fields import Name, Tags
from ingest.api.finding import FilterQuery
from ingest.api.operation import operation
from ingest.api.query import QueryDecoder
from ingest.api.registry import Watched
from ingest.api.wire import Json, given
from store.book.monitors import MonitorChanges, NewMonitor
from store.monitor import MAX_GRACE_S, MAX_INTERVAL_S, MIN_GRACE_S, MIN_INTERVAL_S
from store.timestamps import moment, rfc3339

USUAL_INTERVAL_S = 60

Status = Literal["new", "up", "late", "down", "paused"]
STATUSES = {word: {word} for word in get_args(Status)}

IntervalS = Annotated[int, Meta(ge=MIN_INTERVAL_S, le=MAX_INTERVAL_S)]
GraceS = Annotated[int, Meta(ge=MIN_GRACE_S, le=MAX_GRACE_S)]


# The channels that are told; a list that is there names at least one.
Named = Annotated[tuple[UUID, ...], Meta(min_length=1)]


class CreateMonitor(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of POST /api/monitors; without an interval it is a minute, or longer if the plan asks for it."""

    name: Name
    type: Literal["heartbeat"] = "heartbeat"
    interval: IntervalS | UnsetType = UNSET
    grace_period: GraceS = 30
    tags: Tags = ()
    channels: Named | None = None


class PatchMonitor(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of PATCH /api/monitors/{id}; what is left out stays as it is."""

    name: Name | UnsetType = UNSET
    interval: IntervalS | UnsetType = UNSET
    grace_period: GraceS | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    channels: Named | UnsetType | None = UNSET


class MonitorReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A monitor as callers see it; one who may only read sees no ping URL. `channels` null: the default ones."""

    id: str
    name: str
    type: str
    status: str
    interval: int
    grace_period: int
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


@operation(
    "Monitors",
    "Make a monitor",
    "It is watched from now on: a job that never pings is noticed too.",
    body=_CREATE,
    reply=MonitorReply,
    status=201,
)
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
async def show(call: Call) -> Response:
    return Json(await find(call, call.public_id))


@operation(
    "Monitors",
    "Change a monitor",
    "What is left out stays as it is. An edit never makes a monitor overdue by itself.",
    body=_PATCH,
    reply=MonitorReply,
)
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
async def delete(call: Call) -> Response:
    await registry.delete(call, call.public_id)
    return Response(status_code=204)


async def make(call: Call, asked: CreateMonitor) -> MonitorReply:
    """A new monitor, watched when this returns."""
    interval_s = given(asked.interval)
    new = NewMonitor(
        org_id=call.org_id,
        name=asked.name,
        interval_s=registry.usual_interval_s(call, USUAL_INTERVAL_S) if interval_s is None else interval_s,
        grace_s=asked.grace_period,
        origin="monitors",
        tags=asked.tags,
        channels=asked.channels or (),
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
    )
    return reply_of(call, await registry.change(call, public_id, changes))


def reply_of(call: Call, watched: Watched) -> MonitorReply:
    """A monitor as this caller may see it."""
    row = watched.row
    return MonitorReply(
        id=str(row.config.public_id),
        name=row.config.name,
        type="heartbeat",
        status=watched.status,
        interval=row.config.interval_s,
        grace_period=row.config.grace_s,
        paused=row.config.paused,
        tags=row.tags,
        channels=row.channels or None,
        ping_url=f"{call.base_url}/ping/{row.token}" if call.may_see_ping_keys else None,
        created_at=rfc3339(row.created_ms),
        last_ping_at=moment(watched.seen_ms),
        next_deadline=moment(watched.deadline_ms),
    )
