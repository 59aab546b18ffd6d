"""How reliable a monitor was: uptime of the last day, week and month, and downtime by day, week or month."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.operation import operation
from ingest.api.query import QueryDecoder
from ingest.api.wire import Json
from store.book import monitors
from store.book.history_reader import HISTORY_DB
from store.book.silences import silences
from store.timestamps import rfc3339
from store.uptime import Period, last_periods, last_windows


class PeriodReply(msgspec.Struct, frozen=True, rename="camel"):
    """A time and how much of it the monitor was down; the percentage is null if the time has no length."""

    from_: str = msgspec.field(name="from")
    to: str
    downtime_seconds: float
    uptime_percent: float | None


class UptimeReply(msgspec.Struct, frozen=True, rename="camel"):
    """`windows` by their names; `periods` newest first, empty unless asked for."""

    windows: dict[str, PeriodReply]
    by: str | None
    periods: list[PeriodReply]


class UptimeQuery(msgspec.Struct, frozen=True):
    """Periods besides the windows."""

    by: Annotated[
        Literal["day", "week", "month", ""],
        Meta(description="The last 90 days, 26 weeks or 12 months, in UTC; without it none of them."),
    ] = ""


_UPTIME = QueryDecoder(UptimeQuery)


@operation(
    "History",
    "Look at how much of the time a monitor was up",
    "In the last day, week and month, and by period if asked. Paused time counts as up; the percentage is rounded "
    "down.",
    query=_UPTIME,
    reply=UptimeReply,
)
async def show(call: Call) -> Response:
    return Json(await find(call))


async def find(call: Call) -> UptimeReply:
    """That of the monitor that the path names."""
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    by = _UPTIME.decode(call.request).by or None
    windows = last_windows(call.now_ms, monitor.created_ms)
    periods = last_periods(by, call.now_ms, monitor.created_ms) if by else []
    told = await _told(call, monitor.config.id, [*windows.values(), *periods])
    return UptimeReply(dict(zip(windows, told, strict=False)), by, told[len(windows) :])


async def _told(call: Call, monitor_id: int, periods: list[Period]) -> list[PeriodReply]:
    earliest_ms = min(period.from_ms for period in periods)
    down_ms = [0] * len(periods)
    path = call.settings.data / HISTORY_DB
    async for page in silences(path, monitor_id, earliest_ms, call.now_ms):
        for number, period in enumerate(periods):
            down_ms[number] += period.downtime_ms(page)
    return [
        PeriodReply(rfc3339(one.from_ms), rfc3339(one.until_ms), down / 1000, one.uptime_percent(down))
        for one, down in zip(periods, down_ms, strict=True)
    ]
