"""What happened to a monitor: its pings and its incidents, newest first."""

from __future__ import annotations

import msgspec
from msgspec import field
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.paging import cut, parse_number, read_limit, seal, unseal
from ingest.api.wire import Json
from store.book import monitors
from store.book.history_reader import HISTORY_DB, HistoryReader, IncidentRow, PingRow
from store.timestamps import moment, rfc3339


class PingReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A ping as callers see it; `from` is the sender's address."""

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


class PingsReply(msgspec.Struct, frozen=True, rename="camel"):
    pings: list[PingReply]
    next_cursor: str | None


class IncidentReply(msgspec.Struct, frozen=True, rename="camel"):
    """An incident as callers see it; `endedAt` is null while it is open."""

    id: str
    kind: str
    started_at: str
    ended_at: str | None


class IncidentsReply(msgspec.Struct, frozen=True, rename="camel"):
    incidents: list[IncidentReply]
    next_cursor: str | None


async def pings(call: Call) -> Response:
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    limit, before = read_limit(call.request), _before(call)
    before_id = parse_number(before, "before") if before else None
    rows, last = cut(await _history(call).pings(monitor.config.id, limit + 1, before_id), limit)
    return Json(PingsReply([_ping(row) for row in rows], str(last.id) if last else None))


async def incidents(call: Call) -> Response:
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    limit, before = read_limit(call.request), _before(call)
    position = _incident_position(before) if before else None
    rows, last = cut(await _history(call).incidents(monitor.config.id, limit + 1, position), limit)
    next_cursor = seal(f"{last.started_ms}.{last.id}") if last else None
    return Json(IncidentsReply([_incident(row) for row in rows], next_cursor))


def _history(call: Call) -> HistoryReader:
    return HistoryReader(call.settings.data / HISTORY_DB)


def _before(call: Call) -> str:
    """`before`, or `cursor` as the other lists call it."""
    query = call.request.query_params
    return query.get("before", query.get("cursor", ""))


def _incident_position(cursor: str) -> tuple[int, str]:
    started, _, incident_id = unseal(cursor, "before").partition(".")
    return parse_number(started, "before"), incident_id


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
    )


def _incident(row: IncidentRow) -> IncidentReply:
    return IncidentReply(row.id, row.kind, rfc3339(row.started_ms), moment(row.ended_ms))
