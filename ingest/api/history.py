"""What happened: the pings of a monitor and what came with one, incidents of a monitor or of all, newest first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType, field
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.moments import Moment, read_span
from ingest.api.operation import operation
from ingest.api.paging import DEFAULT_LIMIT, Cursor, Limit, cut, parse_number, seal, unseal
from ingest.api.query import QueryDecoder
from ingest.api.wire import Json
from store.beat import Signal
from store.book import monitor_names, monitors
from store.book.history_reader import HISTORY_DB, HistoryReader, IncidentRow, PingRow
from store.book.monitor_names import MonitorName
from store.book.ping_questions import MAX_ID, PingFilter
from store.errors import NotFound
from store.timestamps import moment, rfc3339

SignalWord = Literal["success", "start", "fail", "log"]
SIGNALS: dict[str, Signal] = {word: Signal[word.upper()] for word in get_args(SignalWord)}

_PING_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


class PingReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A ping as callers see it; `from` is the sender's address, `run` the UUID that it named, and `durationMs` how long
    the run took that it ended. The signal of a plain ping is success."""

    id: int
    at: str
    outcome: str
    method: str | None
    user_agent: str | None
    sender: str | None = field(name="from")
    host: str | None
    query: str | None
    content_type: str | None
    has_body: bool
    signal: str
    exit_code: int | None
    run: str | None
    duration_ms: int | None


class PingsReply(msgspec.Struct, frozen=True, rename="camel"):
    pings: list[PingReply]
    next_cursor: str | None


class IncidentReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An incident as callers see it; `endedAt` is null while it is open, `delayedBySeconds` unless blind time made the
    missed deadline later. The kind `metric` has the last two."""

    id: str
    kind: str
    started_at: str
    ended_at: str | None
    delayed_by_seconds: float | None
    alert_id: str | UnsetType = UNSET
    metric_key: str | UnsetType = UNSET


class IncidentsReply(msgspec.Struct, frozen=True, rename="camel"):
    incidents: list[IncidentReply]
    next_cursor: str | None


class MonitorOfIncident(msgspec.Struct, frozen=True):
    """A monitor by its present name."""

    id: str
    name: str


class OrgIncidentReply(IncidentReply, frozen=True, kw_only=True):
    """An incident among those of all monitors; `monitor` is null when it was deleted."""

    monitor: MonitorOfIncident | None


class OrgIncidentsReply(msgspec.Struct, frozen=True, rename="camel"):
    incidents: list[OrgIncidentReply]
    next_cursor: str | None


Before = Annotated[Cursor, Meta(description="`nextCursor` of the page before.")]


class BeforeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page, newest first."""

    limit: Limit = DEFAULT_LIMIT
    before: Before = ""
    cursor: Annotated[Cursor, Meta(description="The same as `before`, as the other lists call it.")] = ""

    @property
    def position(self) -> str:
        return self.before or self.cursor


class PingsQuery(BeforeQuery, frozen=True, kw_only=True):
    """Which page of which pings."""

    from_: Moment = field(name="from", default=None)
    to: Moment = None
    outcome: Annotated[
        Literal["recorded", "paused"] | None, Meta(description="Those that this became of.")
    ] = None
    signal: Annotated[
        tuple[SignalWord, ...],
        Meta(description="Those that signalled one of these; a plain ping is a `success`. Empty: all."),
    ] = ()


class IncidentsQuery(BeforeQuery, frozen=True, kw_only=True):
    """Which page of which incidents."""

    open: Annotated[bool | None, Meta(description="Those that are open now, or those that have ended.")] = (
        None
    )


_PINGS = QueryDecoder(PingsQuery)
_OF_ONE = QueryDecoder(BeforeQuery)
_OF_ALL = QueryDecoder(IncidentsQuery)


@operation(
    "History",
    "List the pings of a monitor",
    "Newest first, at most a second behind, as far back as the plan shows them.",
    query=_PINGS,
    reply=PingsReply,
)
async def pings(call: Call) -> Response:
    return Json(await pings_page(call))


async def pings_page(call: Call, limit: int | None = None) -> PingsReply:
    """The pings that the request's path and query ask for; `limit` if the query does not decide that."""
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    asked = _PINGS.decode(call.request)
    limit, before, wanted = limit or asked.limit, asked.position, _wanted(call, asked)
    before_id = parse_number(before, "before") if before else None
    found = await _history(call).pings(monitor.config.id, limit + 1, before_id, wanted)
    rows, last = cut(found, limit)
    return PingsReply([_ping(row) for row in rows], str(last.id) if last else None)


@operation(
    "History",
    "Look at what was sent with a ping",
    "As it came, and as text whatever it is.",
    media="text/plain; charset=utf-8",
)
async def body(call: Call) -> Response:
    """As it came, for people to look at: whatever it is, no browser takes it for anything but text."""
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    ping_id = call.request.path_params["pingId"]
    found = None
    if _PING_ID.fullmatch(ping_id):
        found = await _history(call).body(monitor.config.id, int(ping_id), call.history_since_ms)
    if found is None:
        raise NotFound("There is no such ping, or it came without a body.")
    return Response(found, media_type="text/plain", headers={"x-content-type-options": "nosniff"})


@operation("History", "List the incidents of a monitor", "Newest first.", query=_OF_ONE, reply=IncidentsReply)
async def incidents(call: Call) -> Response:
    return Json(await incidents_page(call))


async def incidents_page(call: Call, limit: int | None = None) -> IncidentsReply:
    """The incidents of one monitor that the request's path and query ask for; `limit` as above."""
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    asked = _OF_ONE.decode(call.request)
    limit, position = limit or asked.limit, _incident_position(asked)
    found = await _history(call).incidents(monitor.config.id, limit + 1, position)
    rows, next_cursor = _cut_incidents(found, limit)
    return IncidentsReply([IncidentReply(**_told(row)) for row in rows], next_cursor)


@operation(
    "History", "List the incidents of all monitors", "Newest first.", query=_OF_ALL, reply=OrgIncidentsReply
)
async def incidents_of_all(call: Call) -> Response:
    return Json(await incidents_page_of_all(call))


async def incidents_page_of_all(call: Call) -> OrgIncidentsReply:
    """The incidents of the organisation that the request's query asks for."""
    asked = _OF_ALL.decode(call.request)
    position = _incident_position(asked)
    found = await _history(call).incidents_of_org(call.org_id, asked.limit + 1, position, is_open=asked.open)
    rows, next_cursor = _cut_incidents(found, asked.limit)
    known = await monitor_names.names_of(call.book, call.org_id, {row.monitor_id for row in rows})
    shown = [OrgIncidentReply(**_told(row), monitor=_monitor(known.get(row.monitor_id))) for row in rows]
    return OrgIncidentsReply(shown, next_cursor)


def _wanted(call: Call, asked: PingsQuery) -> PingFilter:
    """What is asked for, and no further back than the plan shows."""
    from_ms, to_ms = read_span(asked.from_, asked.to)
    return PingFilter(
        from_ms=max(from_ms or 0, call.history_since_ms),
        until_ms=MAX_ID if to_ms is None else to_ms,
        outcome=asked.outcome,
        signals=frozenset(SIGNALS[word] for word in asked.signal),
    )


def _history(call: Call) -> HistoryReader:
    return HistoryReader(call.settings.data / HISTORY_DB)


def _incident_position(asked: BeforeQuery) -> tuple[int, str] | None:
    if not asked.position:
        return None
    started, _, incident_id = unseal(asked.position, "before").partition(".")
    return parse_number(started, "before"), incident_id


def _cut_incidents(found: Sequence[IncidentRow], limit: int) -> tuple[Sequence[IncidentRow], str | None]:
    rows, last = cut(found, limit)
    return rows, seal(f"{last.started_ms}.{last.id}") if last else None


def _ping(row: PingRow) -> PingReply:
    return PingReply(
        id=row.id,
        at=rfc3339(row.at_ms),
        outcome=row.outcome,
        method=row.method,
        user_agent=row.user_agent,
        sender=row.sender,
        host=row.host,
        query=row.query,
        content_type=row.content_type,
        has_body=row.has_body,
        signal=row.signal.name.lower(),
        exit_code=row.exit_code,
        run=None if row.run is None else str(UUID(bytes=row.run)),
        duration_ms=row.duration_ms,
    )


def _told(row: IncidentRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "started_at": rfc3339(row.started_ms),
        "ended_at": moment(row.ended_ms),
        "delayed_by_seconds": None if row.delayed_ms is None else row.delayed_ms / 1000,
        "alert_id": row.alert_id or UNSET,
        "metric_key": UNSET if row.metric_key is None else row.metric_key,
    }


def _monitor(known: MonitorName | None) -> MonitorOfIncident | None:
    return None if known is None else MonitorOfIncident(str(known.public_id), known.name)
