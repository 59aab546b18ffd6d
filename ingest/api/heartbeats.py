"""Monitors in the first spelling: snake_case, a schedule in words, a short key, `/api/v1/heartbeats`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from ingest.api import registry
from ingest.api.call import Call
from ingest.api.paging import read_page
from ingest.api.registry import Watched
from ingest.api.wire import Json, given
from store.book.monitors import MonitorChanges, NewMonitor
from store.monitor import MAX_GRACE_S, MIN_GRACE_S
from store.schedule import parse_schedule, say_schedule

PATH = "/api/v1/heartbeats"

GraceS = Annotated[int, Meta(ge=MIN_GRACE_S, le=MAX_GRACE_S)]

# This spelling knows neither `new` nor `up`: what nothing is known against is healthy.
_STATUS = {"new": "healthy", "up": "healthy"}


class CreateHeartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /api/v1/heartbeats."""

    name: str
    schedule: str = "every 1h"
    grace_period_seconds: GraceS = 300


class PatchHeartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PATCH /api/v1/heartbeats/{id}; what is left out stays as it is."""

    name: str | UnsetType = UNSET
    schedule: str | UnsetType = UNSET
    grace_period_seconds: GraceS | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class HeartbeatReply(msgspec.Struct, frozen=True):
    """A monitor as callers of this spelling see it."""

    id: str
    name: str
    schedule: str
    grace_period_seconds: int
    unique_key: str
    status: str


_CREATE = msgspec.json.Decoder(CreateHeartbeat)
_PATCH = msgspec.json.Decoder(PatchHeartbeat)


async def create(call: Call) -> Response:
    asked = await call.body(_CREATE)
    new = NewMonitor(
        org_id=call.org_id,
        name=asked.name,
        interval_s=parse_schedule(asked.schedule),
        grace_s=asked.grace_period_seconds,
        origin="heartbeats",
    )
    return Json(_reply(await registry.create(call, new)), 201)


async def listing(call: Call) -> Response:
    page = read_page(call.request)
    watched, next_cursor = await registry.page(call, page)
    headers = None
    if next_cursor:
        query = urlencode({"limit": page.limit, "cursor": next_cursor})
        headers = {"link": f'<{call.base_url}{PATH}?{query}>; rel="next"'}
    return Json([_reply(one) for one in watched], headers=headers)


async def show(call: Call) -> Response:
    return Json(_reply(await registry.find(call)))


async def change(call: Call) -> Response:
    asked = await call.body(_PATCH)
    schedule = given(asked.schedule)
    changes = MonitorChanges(
        name=given(asked.name),
        interval_s=None if schedule is None else parse_schedule(schedule),
        grace_s=given(asked.grace_period_seconds),
        paused=given(asked.paused),
    )
    return Json(_reply(await registry.change(call, changes)))


async def delete(call: Call) -> Response:
    await registry.delete(call)
    return Response(status_code=204)


def _reply(watched: Watched) -> HeartbeatReply:
    row = watched.row
    return HeartbeatReply(
        id=str(row.config.public_id),
        name=row.config.name,
        schedule=say_schedule(row.config.interval_s),
        grace_period_seconds=row.config.grace_s,
        unique_key=row.short_key or row.token,
        status=_STATUS.get(watched.status, watched.status),
    )
