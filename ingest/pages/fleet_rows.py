"""A fleet as its page and its script see it: rows with everything that is said in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from markupsafe import Markup

from ingest.pages.choosing import Chosen
from ingest.pages.fleets import Fleet, Standing
from ingest.pages.words import span
from store.book.fleet import Glance
from store.timestamps import rfc3339
from store.uptime import HOUR_MS

TAGS_SHOWN = 4


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor on the page."""

    id: str
    name: str
    tags: Sequence[str]
    more_tags: Sequence[str]
    standing: Standing
    interval: str
    strip: Markup


class RowNow(msgspec.Struct, frozen=True, rename="camel"):
    """What of a row changes by itself; moments in ms, 0 where there is none."""

    id: str
    status: str
    seen_ms: int
    deadline_ms: int
    since_ms: int


class FleetNow(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A page of the fleet as its script asks for it. Another `look`: there is more to it than the rows say."""

    look: str
    counts: dict[str, int]
    found: int
    rows: list[RowNow]


def look_of(fleet: Fleet, now_ms: int) -> str:
    """Changes with names, tags, monitors that come and go, and with the hour, as the pictures of the last day do."""
    return f"{fleet.changes}.{now_ms // HOUR_MS}"


def fleet_now(fleet: Fleet, chosen: Chosen, now_ms: int) -> FleetNow:
    rows = [
        RowNow(one.public_id, how.status, how.seen_ms, how.deadline_ms, how.since_ms)
        for one, how in chosen.rows
    ]
    return FleetNow(look=look_of(fleet, now_ms), counts=chosen.counts, found=chosen.found, rows=rows)


def rows_of(chosen: Chosen, tags: Mapping[int, Sequence[str]], strips: Mapping[int, Markup]) -> list[Row]:
    return [_row(one, how, tags[one.id], strips[one.id]) for one, how in chosen.rows]


def _row(one: Glance, how: Standing, tags: Sequence[str], strip: Markup) -> Row:
    return Row(
        id=one.public_id,
        name=one.name,
        tags=tags[:TAGS_SHOWN],
        more_tags=tags[TAGS_SHOWN:],
        standing=how,
        interval=one.schedule or span(one.interval_s),
        strip=strip,
    )


def timed(at_ms: int, now_ms: int, kind: str) -> Markup:
    """A moment as a distance from now; fleet.js says it anew every second, in the same words.

    `kind` is `ago`, `in` or `for`, the last a bare length of time.
    """
    at = rfc3339(at_ms)
    title = f"{at[:10]} {at[11:19]} UTC"
    text = distance(at_ms, now_ms, kind)
    element = '<time datetime="{}" title="{}" data-kind="{}" data-local>{}</time>'
    return Markup(element).format(at, title, kind, text)


def distance(at_ms: int, now_ms: int, kind: str) -> str:
    """`12 s ago`, `in 3 min`, `2 h`."""
    if kind == "in":
        return f"in {brief(at_ms - now_ms)}" if at_ms > now_ms else "now"
    return brief(now_ms - at_ms) + (" ago" if kind == "ago" else "")


def brief(length_ms: int) -> str:
    """A length of time in one unit, rounded down: what is read at a glance."""
    seconds = max(0, length_ms // 1000)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 2 * 86_400 else f"{seconds // 86_400} d"
