"""Maintenance windows: times in which nobody is told what goes wrong. Pings are taken as always."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import field
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.creating import creates
from ingest.api.entity_tags import tagged
from ingest.api.operation import operation
from ingest.api.paging import PAGE_QUERY, cut, seal
from ingest.api.window_bodies import CreateWindow, PatchWindow, window_of
from ingest.api.wire import Json
from store.book import maintenance
from store.book.database import ConfigBook, Transaction
from store.book.maintenance import WindowRow
from store.maintenance import Once, Recurrence, Weekly, next_on
from store.timestamps import rfc3339


class TimesReply(msgspec.Struct, frozen=True):
    """From a moment to another."""

    from_: str = field(name="from")
    to: str


class WindowReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A window as callers see it. What its kind does not have is null; `next` is when it is on: now, or next time."""

    id: str
    name: str
    kind: str
    from_: str | None = field(name="from", default=None)
    to: str | None = None
    weekdays: tuple[str, ...] | None = None
    start: str | None = None
    cron: str | None = None
    duration: int | None = None
    timezone: str | None = None
    whole_organisation: bool
    tags: tuple[str, ...]
    monitors: tuple[UUID, ...]
    is_on: bool
    next: TimesReply | None
    created_at: str


class WindowsReply(msgspec.Struct, frozen=True, rename="camel"):
    maintenance: list[WindowReply]
    next_cursor: str | None


_CREATE = msgspec.json.Decoder(CreateWindow)
_PATCH = msgspec.json.Decoder(PatchWindow)


async def configured(call: Call, source: ConfigBook | Transaction) -> object:
    """What was asked for of the window in the path."""
    return (await maintenance.find(source, call.org_id, call.public_id)).window


async def again(call: Call, made: str) -> Response:
    return Json(_reply(await maintenance.find(call.book, call.org_id, UUID(made)), call.now_ms), 201)


@operation(
    "Maintenance",
    "Make a maintenance window",
    "Once, with `from` and `to`; weekly, with `weekdays`, `start` and `duration`; or by a `cron` rule and `duration`. "
    "With neither `tags` nor `monitors` it is for the whole organisation.",
    body=_CREATE,
    reply=WindowReply,
    status=201,
)
@creates(again, tagged=configured)
async def create(call: Call) -> Response:
    return Json(await make(call, await call.body(_CREATE)), 201)


@operation("Maintenance", "List maintenance windows", query=PAGE_QUERY, reply=WindowsReply)
async def listing(call: Call) -> Response:
    return Json(await page(call))


@operation("Maintenance", "Look at a maintenance window", reply=WindowReply)
@tagged(configured)
async def show(call: Call) -> Response:
    return Json(await find(call))


@operation(
    "Maintenance",
    "Change a maintenance window",
    "What is left out stays as it is, unless the window becomes of another kind.",
    body=_PATCH,
    reply=WindowReply,
)
@tagged(configured)
async def change(call: Call) -> Response:
    return Json(await edit(call, await call.body(_PATCH)))


@operation("Maintenance", "Delete a maintenance window", status=204)
@tagged(configured)
async def delete(call: Call) -> Response:
    await remove(call)
    return Response(status_code=204)


async def make(call: Call, asked: CreateWindow) -> WindowReply:
    """A new window. It is kept when this returns; the keeper carries it to Redis within a second or two."""
    window = window_of(asked, None, call.now_ms)
    return _reply(await maintenance.create(call.book, call.org_id, window, call.now_ms), call.now_ms)


async def page(call: Call) -> WindowsReply:
    """The windows that the request's query asks for."""
    asked = PAGE_QUERY.decode(call.request).page
    found = await maintenance.page(call.book, call.org_id, asked.after_id, asked.limit_and_one)
    rows, last = cut(found, asked.limit)
    return WindowsReply([_reply(row, call.now_ms) for row in rows], seal(str(last.id)) if last else None)


async def find(call: Call) -> WindowReply:
    """The window that the path names."""
    return _reply(await maintenance.find(call.book, call.org_id, call.public_id), call.now_ms)


async def edit(call: Call, asked: PatchWindow) -> WindowReply:
    """Change what is given of the window that the path names."""
    former = await maintenance.find(call.book, call.org_id, call.public_id)
    window = window_of(asked, former.window, call.now_ms)
    return _reply(await maintenance.change(call.book, call.org_id, call.public_id, window), call.now_ms)


async def remove(call: Call) -> None:
    """Delete the window that the path names."""
    await maintenance.delete(call.book, call.org_id, call.public_id)


def _reply(row: WindowRow, now_ms: int) -> WindowReply:
    window, now_s = row.window, now_ms // 1000
    coming = next_on(window.times, now_s)
    return WindowReply(
        id=str(row.public_id),
        name=window.name,
        **_times_shown(window.times),
        whole_organisation=window.is_for_all,
        tags=window.tags,
        monitors=window.monitors,
        is_on=coming is not None and coming[0] <= now_s,
        next=TimesReply(*map(_moment, coming)) if coming is not None else None,
        created_at=rfc3339(row.created_ms),
    )


def _times_shown(times: Recurrence) -> dict[str, Any]:
    """The members of a reply that tell of a window's kind."""
    if isinstance(times, Once):
        return {"kind": "once", "from_": _moment(times.from_s), "to": _moment(times.to_s)}
    again = {"duration": times.duration_s, "timezone": times.timezone}
    if isinstance(times, Weekly):
        return {"kind": "weekly", "weekdays": times.weekdays, "start": times.start, **again}
    return {"kind": "cron", "cron": times.cron, **again}


def _moment(at_s: int) -> str:
    return rfc3339(at_s * 1000)
