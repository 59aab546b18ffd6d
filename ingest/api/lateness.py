"""How late a monitor's pings came, against the interval or the schedule that it has now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.metrics import STEPS_QUERY, span_of
from ingest.api.operation import operation
from ingest.api.wire import Json
from store.book import monitors
from store.book.arrivals import Arrivals, arrivals
from store.book.history_reader import HISTORY_DB
from store.book.monitor_rows import MonitorRow
from store.book.sample_reader import Span
from store.cron import UTC_ZONE, Cron
from store.lateness import Lateness, lateness_by_step, lateness_by_ticks
from store.timestamps import rfc3339


class LatenessPoint(msgspec.Struct, frozen=True):
    """A step that begins at `t`, in seconds; below zero is early."""

    t: str
    min: float
    avg: float
    max: float
    count: int


class LatenessReply(msgspec.Struct, frozen=True):
    """`interval` and `step` are in seconds; the interval of a schedule is its longest. Steps without a ping have no
    point."""

    interval: int
    step: int
    points: list[LatenessPoint]


@operation(
    "History",
    "Look at how late the pings of a monitor came",
    "In steps of time, against the interval that it has now.",
    query=STEPS_QUERY,
    reply=LatenessReply,
)
async def show(call: Call) -> Response:
    return Json(await find(call))


async def find(call: Call) -> LatenessReply:
    """That of the monitor that the path names, in the span that the query asks for."""
    row = await monitors.find(call.book, call.org_id, call.public_id)
    config, span = row.config, span_of(call)
    steps = await _steps(call, row, span)
    points = [_point(one) for one in steps if one.at_ms + span.step_ms > call.history_since_ms]
    return LatenessReply(config.interval_s, span.step_ms // 1000, points)


async def _steps(call: Call, row: MonitorRow, span: Span) -> list[Lateness]:
    found = await arrivals(call.settings.data / HISTORY_DB, row.config.id, span.from_ms, span.until_ms)
    # Beside the loop: a ping a second for three days is a quarter of a million numbers.
    return await asyncio.to_thread(lambda: list(_lateness(row, found, span.step_ms)))


def _lateness(row: MonitorRow, found: Arrivals, step_ms: int) -> Iterator[Lateness]:
    if row.wishes.schedule is None:
        return lateness_by_step(found.at_ms, found.before_ms, row.config.interval_s * 1000, step_ms)
    first_ms = found.before_ms if found.before_ms is not None else next(iter(found.at_ms), 0)
    ticks = Cron(row.wishes.schedule, row.wishes.timezone or UTC_ZONE).ticks(first_ms // 1000)
    return lateness_by_ticks(found.at_ms, found.before_ms, (tick * 1000 for tick in ticks), step_ms)


def _point(one: Lateness) -> LatenessPoint:
    return LatenessPoint(
        rfc3339(one.at_ms), one.low_ms / 1000, one.average_ms / 1000, one.high_ms / 1000, one.count
    )
