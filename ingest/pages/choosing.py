"""Which monitors of a fleet a page shows: found by state, tag and part of the name, sorted, a hundred at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from ingest.api.finding import Filter, read_filter
from ingest.pages.fleets import Fleet, Standing
from ingest.pages.turns import slices, sort_in_turns
from store.book.fleet import Glance
from store.errors import Invalid

PAGE_SIZE = 100
WORST_FIRST = ("down", "late", "new", "up", "paused")
_STATUSES: Mapping[str, AbstractSet[str]] = {word: {word} for word in WORST_FIRST}
_LAST = 2**63

# What is compared; between equal ones the name decides. A minus in front turns the order round.
_KEYS: Mapping[str, Callable[[Glance, Standing], int]] = {
    "ping": lambda _, standing: -standing.seen_ms,
    "deadline": lambda _, standing: standing.deadline_ms or _LAST,
    "age": lambda glance, _: -glance.id,
}
SORTS = ("state", "name", *_KEYS)
_PAGE = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; `status`, `tag` and `q` as they were typed."""

    status: str = ""
    tag: str = ""
    q: str = ""
    sort: str = "state"
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        return bool(self.status or self.tag or self.q)

    def query(self, **changed: object) -> str:
        """The query of an address that asks for this, with something changed; then from its first page on."""
        asked = msgspec.structs.asdict(self) | {"page": 1} | changed
        usual = msgspec.structs.asdict(View())
        text = urlencode({name: value for name, value in asked.items() if value != usual.get(name)})
        return f"?{text}" if text else ""

    def address(self, **changed: object) -> str:
        return f"/{self.query(**changed)}"


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was found. The counts are of all that have the tag and the part of the name, by state."""

    rows: list[tuple[Glance, Standing]]
    counts: dict[str, int]
    found: int
    page: int

    @property
    def first(self) -> int:
        """The number of the page's first monitor among all that were found."""
        return (self.page - 1) * PAGE_SIZE + 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PAGE_SIZE))


def read_view(request: Request) -> tuple[View, Filter]:
    """`?status=&tag=&q=&sort=&page=`.

    Raises:
        Invalid: one is bad; names it.
    """
    query = request.query_params
    wanted = read_filter(request, _STATUSES)
    sort, page = query.get("sort") or "state", query.get("page") or "1"
    if sort.removeprefix("-") not in SORTS:
        raise Invalid(f"Monitors are sorted by {', '.join(SORTS)}.", "sort")
    if not _PAGE.fullmatch(page):
        raise Invalid("A page is a whole number from 1 on.", "page")
    view = View(
        status=query.get("status", ""),
        tag=query.get("tag", ""),
        q=query.get("q", ""),
        sort=sort,
        page=int(page),
    )
    return view, wanted


async def choose(fleet: Fleet, view: View, wanted: Filter, tagged: AbstractSet[int] | None) -> Chosen:
    """The page that is asked for, or the last one if there are not so many; `tagged` have the tag, if one is wanted."""
    by_status: dict[str, list[int]] = {word: [] for word in WORST_FIRST}
    async for part in slices(len(fleet.monitors)):
        for at in part:
            one = fleet.monitors[at]
            if wanted.part in one.folded and (tagged is None or one.id in tagged):
                by_status[fleet.standings[at].status].append(at)
    found = [at for word in WORST_FIRST if word in (wanted.statuses or WORST_FIRST) for at in by_status[word]]
    ordered = await _sort(fleet, found, view.sort)
    page = min(view.page, max(1, -(-len(found) // PAGE_SIZE)))
    shown = ordered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return Chosen(
        rows=[(fleet.monitors[at], fleet.standings[at]) for at in shown],
        counts={word: len(those) for word, those in by_status.items()},
        found=len(found),
        page=page,
    )


async def _sort(fleet: Fleet, found: list[int], sort: str) -> list[int]:
    """The numbers of what was found, in order. They come by state, and within one by name, as the numbers are."""
    name = sort.removeprefix("-")
    if name != "state":
        found.sort()
    if key := _KEYS.get(name):
        monitors, standings = fleet.monitors, fleet.standings
        keys = [key(monitors[at], standings[at]) async for part in slices(len(monitors)) for at in part]
        found = await sort_in_turns(found, keys)
    return found[::-1] if sort.startswith("-") else found
