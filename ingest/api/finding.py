"""Lists of monitors with filters: `status`, `tag` and `q`, a part of the name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request

from ingest.api import registry
from ingest.api.call import Call
from ingest.api.paging import Page, PageQuery, seal
from ingest.api.registry import Watched
from store.book import monitors
from store.book.monitors import MonitorRow
from store.errors import Invalid

PARAMETERS = ("status", "tag", "q")

# A filtered page reads so many monitors at a time, and gives up after so many in all: what it found by then is the
# page, and the next one goes on from there. Between two steps pings have their turn.
STEP = 500
MOST_LOOKED_AT = 20_000


class FilterQuery(PageQuery, frozen=True, kw_only=True):
    """Which monitors are wanted; each spelling adds `status` in its own words."""

    tag: Annotated[str, Meta(description="Those that have this tag.")] = ""
    q: Annotated[str, Meta(description="Those whose name has this part, whatever its case.")] = ""


class Filter(msgspec.Struct, frozen=True):
    """What a monitor has to be. `statuses` are our own words; none means any. `part` is in folded case."""

    statuses: Set[str]
    tag: str | None
    part: str

    @property
    def is_empty(self) -> bool:
        return not (self.statuses or self.tag or self.part)

    def takes(self, row: MonitorRow) -> bool:
        """As far as the book can tell; the tag was asked for already."""
        return self.part in row.config.name.casefold()


def read_filter(request: Request, words: Mapping[str, Set[str]]) -> Filter:
    """`?status=&tag=&q=`; `words` are the statuses of a spelling with what they mean. An empty one is none.

    Raises:
        Invalid: there is no such status.
    """
    query = request.query_params
    asked = list(filter(None, query.get("status", "").split(",")))
    if not words.keys() >= set(asked):
        raise Invalid(f"A status is one of {', '.join(words)}, or several with commas between.", "status")
    return filter_of(asked, query.get("tag", ""), query.get("q", ""), words)


def filter_of(asked: Iterable[str], tag: str, part: str, words: Mapping[str, Set[str]]) -> Filter:
    """A filter from what is asked for; an empty tag is none."""
    statuses = {status for word in asked for status in words[word]}
    return Filter(statuses, tag or None, part.casefold())


async def page(call: Call, page: Page, wanted: Filter) -> tuple[list[Watched], str | None]:
    """A page of those of the caller's monitors that are wanted, oldest first, and the cursor of the next one.

    What is true of a monitor is in Redis, so no query can choose by status. The monitors are walked in order, step by
    step, until the page is full and one more is known to follow, or all were seen, or MOST_LOOKED_AT were. In the last
    case the page is shorter than asked for, and its cursor stands where the walk ended.
    """
    if wanted.is_empty:
        return await registry.page(call, page)
    found: list[Watched] = []
    after_id = page.after_id
    for _ in range(MOST_LOOKED_AT // STEP):
        rows = await monitors.page(call.book, call.org_id, after_id, STEP, wanted.tag)
        for one in await registry.watched(call, [row for row in rows if wanted.takes(row)]):
            if wanted.statuses and one.status not in wanted.statuses:
                continue
            if len(found) == page.limit:
                return found, seal(str(found[-1].row.config.id))
            found.append(one)
        if len(rows) < STEP:
            return found, None
        after_id = rows[-1].config.id
    return found, seal(str(after_id))
