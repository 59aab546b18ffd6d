"""Fleets at a glance, kept for a moment: what was asked for until it changes, what is true for as long as it is cheap.

Sorting by state and counting need the states of all monitors, which are in Redis. Reading those of 10,000 takes some
30 ms, in slices. So a fleet is kept for as long as reading it is small beside that, whoever and how many look at it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from ingest.api.call import Call
from ingest.pages.turns import sort_in_turns
from store.book import fleet, orgs
from store.book.fleet import BEYOND_ALL, Glance
from store.clock import monotonic_ms
from store.live.packing import read_state
from store.monitor import deadline_of, due_of, status_of

# The states of 10,000 monitors are read at most every 3 s, those of a hundred at most every 30 ms.
KEPT_MS_PER_MONITOR = 0.3
# The newest so many of a fleet are shown; what is older is found by tag, by name or with the API.
MOST_SHOWN = 50_000
# Of all organisations together; those that were looked at longest ago are forgotten first.
MOST_KEPT = 200_000
STEP = 1000
_FOR_EVER = 2**63


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How one monitor is doing; moments in ms, 0 where there is none.

    `since_ms`: due, or down, since then. It was read from `packed`, and holds until `until_ms` if that stays the same.
    """

    packed: bytes
    until_ms: int
    status: str
    seen_ms: int = 0
    deadline_ms: int = 0
    since_ms: int = 0


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All monitors of an organisation in the order of their names, and how each of them is doing."""

    changes: int
    monitors: list[Glance]
    hidden: int
    standings: list[Standing]
    read_ms: int
    now_ms: int

    def is_fresh(self, at_ms: int) -> bool:
        return at_ms - self.read_ms <= len(self.monitors) * KEPT_MS_PER_MONITOR

    def redis_ms(self, at_ms: int) -> int:
        """The time in Redis, which all moments of monitors are told in."""
        return self.now_ms + at_ms - self.read_ms


class _Shelf:
    """One organisation's place; one at a time reads its fleet, and whoever came meanwhile has it too."""

    def __init__(self) -> None:
        self.reading = asyncio.Lock()
        self.fleet: Fleet | None = None


class Fleets:
    """What this process keeps, by organisation."""

    def __init__(self) -> None:
        self._shelves: OrderedDict[int, _Shelf] = OrderedDict()

    async def of(self, call: Call) -> Fleet:
        """The caller's fleet: always as it was asked for last, and as it is doing now or was a moment ago."""
        shelf = self._shelves.setdefault(call.org_id, _Shelf())
        self._shelves.move_to_end(call.org_id)
        async with shelf.reading:
            changes = await fleet.changes(call.book, call.org_id)
            kept = shelf.fleet
            if kept is None or kept.changes != changes:
                monitors, hidden = await _read_monitors(call)
            elif kept.is_fresh(monotonic_ms()):
                return kept
            else:
                monitors, hidden = kept.monitors, kept.hidden
            known = kept.standings if kept and kept.monitors is monitors else ()
            shelf.fleet = await _look(call, changes, monitors, hidden, known)
        self._forget_some()
        return shelf.fleet

    def _forget_some(self) -> None:
        kept = sum(len(shelf.fleet.monitors) for shelf in self._shelves.values() if shelf.fleet)
        while kept > MOST_KEPT and len(self._shelves) > 1:
            _, shelf = self._shelves.popitem(last=False)
            kept -= len(shelf.fleet.monitors) if shelf.fleet else 0


async def _read_monitors(call: Call) -> tuple[list[Glance], int]:
    """The monitors by name, the newer one first between two of one name, and how many are too many to show."""
    found: list[Glance] = []
    before_id = BEYOND_ALL
    while len(found) < MOST_SHOWN:
        part = await fleet.glances(call.book, call.org_id, before_id, STEP)
        found += part
        if len(part) < STEP:
            break
        before_id = part[-1].id
    names = [one.folded for one in found]
    hidden = 0
    if len(found) >= MOST_SHOWN:
        hidden = max(0, await orgs.count_monitors(call.book, call.org_id) - len(found))
    return [found[at] for at in await sort_in_turns(range(len(found)), names)], hidden


async def _look(
    call: Call, changes: int, monitors: list[Glance], hidden: int, known: Sequence[Standing] = ()
) -> Fleet:
    """The same monitors with how they are doing now; `known` is how they were doing when they were looked at last."""
    standings: list[Standing] = []
    now_ms = 0
    # Without monitors one call still tells the time.
    for start in range(0, len(monitors) or 1, STEP):
        part = monitors[start : start + STEP]
        now_ms, packed = await call.live.packed_states([one.id for one in part])
        if known:
            standings += [
                before
                if blob == before.packed and now_ms <= before.until_ms
                else _standing(one, blob, now_ms)
                for one, blob, before in zip(part, packed, known[start : start + STEP], strict=True)
            ]
        else:
            standings += [_standing(one, blob, now_ms) for one, blob in zip(part, packed, strict=True)]
    return Fleet(
        changes=changes,
        monitors=monitors,
        hidden=hidden,
        standings=standings,
        read_ms=monotonic_ms(),
        now_ms=now_ms,
    )


def _standing(one: Glance, packed: bytes, now_ms: int) -> Standing:
    state = read_state(packed)
    status = status_of(one, state, now_ms)
    if state is None or status == "paused":
        return Standing(packed, _FOR_EVER, status, state.seen_ms if state else 0)
    if status == "down":
        return Standing(packed, _FOR_EVER, status, state.seen_ms, 0, state.down_at_ms)
    deadline_ms = deadline_of(one, state)
    if deadline_ms is None:
        return Standing(packed, _FOR_EVER, status, state.seen_ms)
    due_ms = due_of(one, deadline_ms)
    if status == "late":
        return Standing(packed, _FOR_EVER, status, state.seen_ms, deadline_ms, due_ms)
    return Standing(packed, due_ms, status, state.seen_ms, deadline_ms)
