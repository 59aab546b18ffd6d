"""Looks up what monitors sent last, and what they are allowed, before the first attempt to tell it.

An alert waits half a second for it at the most. What was found is noted in the delivery, so that every attempt says the
same; if it cannot be had, the message goes out without it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec

from store.book.last_pings import Wanted
from store.book.runtime_reader import Allowed
from store.clock import monotonic_ms
from store.errors import OverdueError
from store.fault_points import reach
from store.last_ping import LastPing, Noted
from store.live.delivering import Lease
from store.live.event_kind import Cause, EventKind
from store.live.noting import note_last_pings
from store.live.packing import Event
from store.live.shard import Shard

WITHIN_MS = 500
LOOK_AGAIN_S = 0.05
# Whoever could not be asked, or did not know in time, is given some peace: the other alerts do not wait for it too.
REST_MS = 5_000
TOLD_WITH_IT = (EventKind.DOWN, EventKind.REMINDER)
_log = logging.getLogger(__name__)
# The last pings of some monitors, within so many ms; may raise Unavailable, and may wait for a disk.
PingFinder = Callable[[Sequence[Wanted], int], Sequence[LastPing | None]]
# What monitors are allowed, by their ids; may raise Unavailable, and may wait for a disk.
AllowedFinder = Callable[[Sequence[int]], Mapping[int, Allowed]]


class Sources(msgspec.Struct, frozen=True):
    """Who is asked."""

    pings: PingFinder
    allowed: AllowedFinder


class LastPings:
    """For the deliveries of one shard."""

    def __init__(self, shard: Shard, sources: Sources) -> None:
        self._shard = shard
        self._sources = sources
        self._asks_from_ms = 0
        self._waits_from_ms = 0
        self._asks_allowed_from_ms = 0

    async def note(self, leases: Sequence[Lease]) -> dict[str, Lease]:
        """The leases by delivery, with what their monitors sent last; without those of which it could not be noted.

        These were lost, or Redis is away: no time for an attempt.
        """
        known = {one.delivery_id: one for one in leases}
        asking = [one for one in leases if is_asked_for(one)]
        if not asking:
            return known
        pings, allowed = await asyncio.gather(self._look_up(asking), self._allowed(asking))
        found = [(one, _noted(one, ping, allowed)) for one, ping in zip(asking, pings, strict=True)]
        try:
            noted = await note_last_pings(self._shard, found)
            reach("dispatch.noted")
        except OverdueError as error:
            _log.warning("%d deliveries wait for the end of their leases: %s", len(asking), error)
            noted = [None] * len(asking)
        for one, now in zip(asking, noted, strict=True):
            if now is None:
                del known[one.delivery_id]
            else:
                known[one.delivery_id] = now
        return known

    async def _look_up(self, leases: Sequence[Lease]) -> Sequence[LastPing | None]:
        """Waits for the recorder where a ping that said that its job failed is not in the history yet."""
        began_ms, nothing = monotonic_ms(), [None] * len(leases)
        if began_ms < self._asks_from_ms:
            return nothing
        until_ms = began_ms + (WITHIN_MS if began_ms >= self._waits_from_ms else 0)
        wanted = [_wanted(one.event) for one in leases if isinstance(one.event, Event)]
        try:
            found = await asyncio.to_thread(self._sources.pings, wanted, WITHIN_MS)
            while _is_behind(leases, found):
                if monotonic_ms() + LOOK_AGAIN_S * 1000 > until_ms:
                    self._waits_from_ms = max(self._waits_from_ms, monotonic_ms() + REST_MS)
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
                left_ms = max(1, until_ms - monotonic_ms())
                found = await asyncio.to_thread(self._sources.pings, wanted, left_ms)
        except OverdueError as error:
            _log.warning("what monitors sent last is left out of messages for a while: %s", error)
            self._asks_from_ms = monotonic_ms() + REST_MS
            return nothing
        return found

    async def _allowed(self, leases: Sequence[Lease]) -> Mapping[int, Allowed]:
        if monotonic_ms() < self._asks_allowed_from_ms:
            return {}
        try:
            ids = {one.event.monitor_id for one in leases if isinstance(one.event, Event)}
            return await asyncio.to_thread(self._sources.allowed, sorted(ids))
        except OverdueError as error:
            _log.warning("for a while messages do not say how long a run may take: %s", error)
            self._asks_allowed_from_ms = monotonic_ms() + REST_MS
            return {}


def is_asked_for(one: Lease) -> bool:
    """Whether it is to be told with the last ping, and nobody has looked for that yet."""
    event = one.event
    if one.noted is not None or one.channel is None or one.is_disabled or not isinstance(event, Event):
        return False
    return event.kind in TOLD_WITH_IT and (event.seen_ms > 0 or event.cause != Cause.MISSED)


def _noted(one: Lease, ping: LastPing | None, known: Mapping[int, Allowed]) -> Noted:
    event = one.event
    allowed = known.get(event.monitor_id) if isinstance(event, Event) else None
    if allowed is None:
        return Noted(ping)
    has_overrun = isinstance(event, Event) and event.cause == Cause.OVERRUN
    return Noted(ping, allowed.max_runtime_s if has_overrun else 0, failures=allowed.failures)


def _wanted(event: Event) -> Wanted:
    """The last ping came on the day when the monitor was seen last; but for messages, which are no signs of it."""
    return Wanted(event.monitor_id, event.seen_ms or event.started_ms, event.at_ms)


def _is_behind(leases: Sequence[Lease], found: Sequence[LastPing | None]) -> bool:
    """Whether a job has said that it failed, and the history does not know that ping yet."""
    for one, ping in zip(leases, found, strict=True):
        event = one.event
        has_failed = isinstance(event, Event) and (event.kind, event.cause) == (EventKind.DOWN, Cause.FAILED)
        if event is not None and has_failed and (ping is None or ping.at_ms < event.at_ms):
            return True
    return False
