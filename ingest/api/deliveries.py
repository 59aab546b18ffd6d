"""Deliveries: who was told what, how that went, and dead letters put back in line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ingest.api.call import UUID_PATTERN, Call, read_id
from ingest.api.operation import operation
from ingest.api.paging import PageQuery, cut, parse_number, seal
from ingest.api.query import QueryDecoder
from ingest.api.wire import Json
from store.book import channel_names, channels, monitor_names, monitors
from store.book.channel_names import ChannelName
from store.book.history_reader import HISTORY_DB
from store.book.letter_reader import AttemptRow, DeliveryFilter, DeliveryRow, LetterReader
from store.book.monitor_names import MonitorName
from store.errors import Conflict, Invalid, NotFound
from store.timestamps import moment, rfc3339

State = Literal["waiting", "retrying", "delivered", "dead", "dropped"]
# What the types of messages about one incident begin with; the log knows the others by an id of no incident.
OF_AN_INCIDENT = ("monitor.", "metric.")
STATES: tuple[State, ...] = get_args(State)


class Named(msgspec.Struct, frozen=True):
    """A channel or a monitor by its present name."""

    id: str
    name: str


class DeliveryReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An event for one channel as callers see it. Channel and monitor are null when they were deleted.

    `events` is more than one where many monitors went down, or came back, in one message; then `monitor` is null too.
    `incident_id` is null where it is about no incident, or about many.
    """

    id: str
    type: str
    state: str
    channel: Named | None
    monitor: Named | None
    incident_id: str | None
    created_at: str
    events: int
    attempts: int
    last_status: int | None
    last_reason: str | None
    next_attempt_at: str | None
    settled_at: str | None


class DeliveriesReply(msgspec.Struct, frozen=True, rename="camel"):
    deliveries: list[DeliveryReply]
    next_cursor: str | None


class AttemptReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One attempt; `status` is null where no answer came. One that a crash cut off is made again under its number."""

    attempt: int
    at: str
    outcome: str
    status: int | None
    reason: str
    duration_ms: int


class DeliveryLogReply(DeliveryReply, frozen=True, rename="camel", kw_only=True):
    """A delivery with its attempts, oldest first."""

    attempt_log: list[AttemptReply]


SomeId = Annotated[str, Meta(extra_json_schema={"pattern": f"^({UUID_PATTERN})?$"})]


class DeliveriesQuery(PageQuery, frozen=True, kw_only=True):
    """Which page of which deliveries."""

    state: Annotated[tuple[State, ...], Meta(description="Those in one of these states. Empty: all.")] = ()
    channel: Annotated[SomeId, Meta(description="Those for the channel with this id.")] = ""
    monitor: Annotated[SomeId, Meta(description="Those about the monitor with this id.")] = ""


_LIST = QueryDecoder(DeliveriesQuery)


@operation(
    "Deliveries",
    "List who was told what",
    "Newest first, at most a second behind.",
    query=_LIST,
    reply=DeliveriesReply,
)
async def listing(call: Call) -> Response:
    return Json(await page(call))


@operation("Deliveries", "Look at a delivery", "With its attempts, oldest first.", reply=DeliveryLogReply)
async def show(call: Call) -> Response:
    return Json(await find(call))


@operation(
    "Deliveries",
    "Send a dead letter again",
    "It has the whole schedule before it again, and so has what was given up of the same incident.",
    reply=DeliveryReply,
    status=202,
    refusals={409: "It is no dead letter, somebody was faster, or its channel is disabled."},
)
async def retry(call: Call) -> Response:
    return Json(await put_back(call), 202)


async def page(call: Call) -> DeliveriesReply:
    """The deliveries that the request's query asks for, newest first."""
    query = _LIST.decode(call.request)
    asked, wanted = query.page, await _wanted(call, query)
    before = parse_number(asked.cursor, "cursor") if asked.cursor else None
    found = await _letters(call).page(call.org_id, asked.limit_and_one, before, wanted)
    rows, last = cut(found, asked.limit)
    return DeliveriesReply(await _told(call, rows), seal(str(last.number)) if last else None)


async def find(call: Call) -> DeliveryLogReply:
    """The delivery that the path names, with its attempts."""
    row = await _row(call)
    [told] = await _told(call, [row])
    log = [_attempt(one) for one in await _letters(call).attempts(row.number)]
    return DeliveryLogReply(**msgspec.structs.asdict(told), attempt_log=log)


async def put_back(call: Call) -> DeliveryReply:
    """Put the dead letter that the path names back in line, and with it what was buried of the same incident.

    Raises:
        Conflict: it is not a dead letter, or no longer; or its channel is disabled, so that nothing would be sent.
    """
    row = await _row(call)
    is_dead = row.state == "dead" and row.live_id is not None
    if is_dead and await channels.is_disabled(call.book, call.org_id, row.channel_id):
        raise Conflict("The channel is disabled; enable it first.")
    if not is_dead or not await call.live.retry_letter(row.shard, row.live_id or ""):
        raise Conflict("Only a dead letter can be sent again; this delivery is none, or somebody was faster.")
    # The log is a moment behind; what was done just now is what the caller has to see.
    waiting = msgspec.structs.replace(row, state="waiting", next_ms=call.now_ms, settled_ms=None)
    [told] = await _told(call, [waiting])
    return told


async def _row(call: Call) -> DeliveryRow:
    row = await _letters(call).find(call.org_id, str(call.public_id))
    if row is None:
        raise NotFound("There is no such delivery.")
    return row


async def _wanted(call: Call, asked: DeliveriesQuery) -> DeliveryFilter:
    """What is asked for; an empty id is none."""
    return DeliveryFilter(
        states=asked.state,
        channel_id=await _channel_id(call, asked.channel),
        monitor_id=await _monitor_id(call, asked.monitor),
    )


async def _channel_id(call: Call, asked: str) -> int | None:
    public_id = _public_id(asked, "channel")
    with _naming("channel"):
        if public_id is None:
            return None
        return (await channels.find(call.book, call.org_id, public_id)).id


async def _monitor_id(call: Call, asked: str) -> int | None:
    public_id = _public_id(asked, "monitor")
    with _naming("monitor"):
        if public_id is None:
            return None
        return (await monitors.find(call.book, call.org_id, public_id)).config.id


def _public_id(text: str, name: str) -> UUID | None:
    public_id = read_id(text) if text else None
    if text and public_id is None:
        raise Invalid(f"This is not the id of a {name}.", name)
    return public_id


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """What a filter names and is not there is a bad filter, not a bad path."""
    try:
        yield
    except NotFound as error:
        raise Invalid(str(error), name) from error


def _letters(call: Call) -> LetterReader:
    return LetterReader(call.settings.data / HISTORY_DB)


async def _told(call: Call, rows: Sequence[DeliveryRow]) -> list[DeliveryReply]:
    known_channels = await channel_names.names_of(call.book, call.org_id, {row.channel_id for row in rows})
    known_monitors = await monitor_names.names_of(call.book, call.org_id, {row.monitor_id for row in rows})
    return [
        DeliveryReply(
            id=row.id,
            type=row.type,
            state=row.state,
            channel=_named(known_channels.get(row.channel_id)),
            monitor=_named(known_monitors.get(row.monitor_id)),
            incident_id=row.incident_id if row.type.startswith(OF_AN_INCIDENT) else None,
            created_at=rfc3339(row.created_ms),
            events=row.events,
            attempts=row.attempts,
            last_status=row.last_status,
            last_reason=row.last_reason,
            next_attempt_at=moment(row.next_ms),
            settled_at=moment(row.settled_ms),
        )
        for row in rows
    ]


def _named(known: ChannelName | MonitorName | None) -> Named | None:
    return None if known is None else Named(str(known.public_id), known.name)


def _attempt(row: AttemptRow) -> AttemptReply:
    return AttemptReply(
        attempt=row.attempt,
        at=rfc3339(row.at_ms),
        outcome=row.outcome,
        status=row.status,
        reason=row.reason,
        duration_ms=row.duration_ms,
    )
