"""When pings could not be heard, newest first. It is nobody's secret: the times are those of the whole installation."""

from __future__ import annotations

import msgspec
from msgspec import field
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.operation import operation
from ingest.api.paging import PAGE_QUERY, cut, parse_number, seal
from ingest.api.wire import Json
from store.blind_time import BlindTime
from store.book import blind_times
from store.book.history_reader import HISTORY_DB
from store.book.ping_questions import MAX_ID
from store.timestamps import rfc3339


class BlindTimeReply(msgspec.Struct, frozen=True):
    from_: str = field(name="from")
    to: str
    seconds: float


class BlindTimesReply(msgspec.Struct, frozen=True, rename="camel"):
    blind_times: list[BlindTimeReply]
    next_cursor: str | None


@operation(
    "History",
    "List the times in which pings could not be heard",
    "Newest first, of the whole installation. Nobody is called dead for such a time. One is listed 15 seconds after "
    "its end, as it may grow until then.",
    query=PAGE_QUERY,
    reply=BlindTimesReply,
)
async def listing(call: Call) -> Response:
    return Json(await page(call))


async def page(call: Call) -> BlindTimesReply:
    """The page that the request's query asks for."""
    asked = PAGE_QUERY.decode(call.request).page
    to_text, _, from_text = asked.cursor.partition(".")
    before = BlindTime(MAX_ID, MAX_ID)
    if asked.cursor:
        before = BlindTime(parse_number(from_text, "cursor"), parse_number(to_text, "cursor"))
    found = await blind_times.page(call.settings.data / HISTORY_DB, asked.limit_and_one, before)
    rows, last = cut(found, asked.limit)
    shown = [BlindTimeReply(rfc3339(one.from_ms), rfc3339(one.to_ms), one.length_ms / 1000) for one in rows]
    return BlindTimesReply(shown, seal(f"{last.to_ms}.{last.from_ms}") if last else None)
