"""The fleet: all monitors of the organisation, found, sorted and counted, and what of that has changed since."""

from __future__ import annotations

import re
from hashlib import blake2b

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ingest.api.call import Call
from ingest.pages.channel_choices import choices
from ingest.pages.choosing import SORTS, WORST_FIRST, Chosen, View, choose, read_view
from ingest.pages.fleet_rows import fleet_now, look_of, rows_of, timed
from ingest.pages.fleets import MOST_SHOWN, Fleet, Fleets
from ingest.pages.monitor_fields import fields_at_first
from ingest.pages.render import render_in_turns
from ingest.pages.strip import strips_of
from store.book import channels
from store.book import fleet as fleet_book
from store.clock import monotonic_ms

MOST_TAGS = 200
# What the page says after something was done to many monitors.
DONE = {
    "pause": "paused",
    "resume": "resumed",
    "tag": "tagged",
    "untag": "freed of the tag",
    "delete": "deleted",
}
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)
_encode = msgspec.json.Encoder().encode


async def show(call: Call) -> Response:
    """The page that the query asks for."""
    fleet, view, chosen, now_ms = await _chosen(call)
    shown = [one for one, _ in chosen.rows]
    tags = await fleet_book.tags_of(call.book, call.org_id, [one.id for one in shown])
    return await render_in_turns(
        call,
        "fleet.html",
        view=view,
        chosen=chosen,
        rows=rows_of(chosen, tags, await strips_of(call, shown, now_ms)),
        size=len(fleet.monitors),
        hidden=fleet.hidden,
        most=MOST_SHOWN,
        look=look_of(fleet, now_ms),
        now_ms=now_ms,
        timed=timed,
        statuses=WORST_FIRST,
        sorts=SORTS,
        all_tags=await _all_tags(call, view),
        done=_done(call.request),
        fields=fields_at_first(call),
        channels=[] if fleet.monitors else await choices(call),
        is_mute=bool(fleet.monitors) and not await channels.count(call.book, call.org_id),
        error=None,
    )


async def show_now(call: Call) -> Response:
    """What of the page changes by itself; 304 while nothing did."""
    fleet, _, chosen, now_ms = await _chosen(call)
    content = _encode(fleet_now(fleet, chosen, now_ms))
    tag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"etag": tag}
    if call.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


async def _chosen(call: Call) -> tuple[Fleet, View, Chosen, int]:
    view, wanted = read_view(call.request)
    fleets: Fleets = call.request.state.fleets
    fleet = await fleets.of(call)
    tagged = await fleet_book.tagged(call.book, call.org_id, wanted.tag) if wanted.tag else None
    return fleet, view, await choose(fleet, view, wanted, tagged), fleet.redis_ms(monotonic_ms())


async def _all_tags(call: Call, view: View) -> list[str]:
    """What the filter offers; the one that is chosen is among them even if it is rare."""
    tags = await fleet_book.common_tags(call.book, call.org_id, MOST_TAGS)
    return sorted({*tags, view.tag}) if view.tag else tags


def _done(request: Request) -> str:
    """What has just been done to many monitors, as a sentence."""
    said, count = request.query_params.get("said", ""), request.query_params.get("n", "")
    if said == "nothing":
        return "Nothing was done, because no monitor was chosen."
    if said not in DONE or not _NUMBER.fullmatch(count):
        return ""
    return f"{int(count):,} monitor{'' if int(count) == 1 else 's'} {DONE[said]}."
