"""The next moments of a schedule that somebody is typing, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import msgspec
from starlette.responses import Response

from ingest.api.call import Call
from ingest.pages.render import render
from store.cron import UTC_ZONE, checked_cron, zone_named
from store.errors import Invalid
from store.timestamps import rfc3339

SHOWN = 5


class Tick(msgspec.Struct, frozen=True):
    """A moment as the clock of its zone shows it, and in UTC."""

    at: str
    shown: str


async def show(call: Call) -> Response:
    """Of the schedule and the zone in the query."""
    query = call.request.query_params
    schedule, zone = query.get("schedule", ""), query.get("timezone") or UTC_ZONE
    ticks: Sequence[Tick] = ()
    sentence = ""
    try:
        ticks = next_ticks(schedule, zone, call.now_ms // 1000)
    except Invalid as error:
        sentence = str(error)
    return render(call, "schedule_preview.html", ticks=ticks, zone=zone, sentence=sentence)


def next_ticks(schedule: str, zone: str, now_s: int) -> list[Tick]:
    """The next moments at which a schedule is due.

    Raises:
        Invalid: it cannot be used.
    """
    return [
        Tick(rfc3339(tick * 1000), f"{datetime.fromtimestamp(tick, zone_named(zone)):%a %d %b %Y %H:%M %Z}")
        for tick in islice(checked_cron(schedule, zone).ticks(now_s), SHOWN)
    ]
