"""Writes blind times down when they are over, and tells each organisation that it could not be heard: once; of one that
lasts for a minute then, and of its end.

The monitors concerned are those that were watched and not down: a hole lies in the window of each of them. They are
counted from the books, never in Redis.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from store.blind_time import BlindTime
from store.book import blind_times
from store.book.concerned import Concerned, Fleet, concerned
from store.book.database import CONFIG_DB
from store.book.history_reader import HISTORY_DB
from store.book.threads import in_thread
from store.clock import wall_ms
from store.errors import OverdueError
from store.live.live import Live
from store.live.unheard_event import FleetUnheard, MonitorUnheard, UnheardEvent, pack_unheard_event
from store.presence import wait_or_stop
from store.recorder.ledger import Ledger

LOOK_EVERY_S = 1.0
# One is over when it has not grown for so long.
CALM_MS = 15_000
# One that lasts for so long is told though it is not over; the rest of it when it is.
LASTS_MS = 60_000
# A shorter one is written down, but nobody is told: a restart is no news.
TELL_FROM_MS = 10_000
# Nor of one that nobody could write down for a day.
TELL_WITHIN_MS = 86_400_000
# Which shard's stream carries the word.
SHARD = 0
_log = logging.getLogger(__name__)

Message = tuple[int, bytes]


class Unheard:
    """Follows the blind times of all shards. What it tells goes through the outbox, and then to `raise_soon`."""

    def __init__(
        self, live: Live, ledger: Ledger, data: Path, raise_soon: Callable[[Iterable[Message]], None]
    ) -> None:
        self._live = live
        self._ledger = ledger
        self._history = data / HISTORY_DB
        self._config = data / CONFIG_DB
        self._raise_soon = raise_soon
        self._growing: BlindTime | None = None

    async def step(self) -> int:
        """1. What is over, or lasts, and is not written down? 2. Count the monitors concerned. 3. Write it down with
        what is to be told, in one transaction: a crash before that changes nothing, one after it is made up for by the
        outbox.

        Answers how many were written down.

        Raises:
            Unavailable: Redis or a database is away; nothing is lost, the step can be repeated.
        """
        now_ms, holes = await self._live.blind_times()
        async with self._ledger.lock:
            known_ms = await in_thread(blind_times.last_end, self._ledger.history, now_ms)
        merged = _merged(holes)
        fresh = [one for one in merged if _is_over(one, now_ms) and one.to_ms > known_ms]
        for whole in fresh:
            blind = BlindTime(max(whole.from_ms, known_ms), whole.to_ms)
            # The end of what was told is told, however soon it came.
            is_news = blind.length_ms >= TELL_FROM_MS or blind.from_ms > whole.from_ms
            known_ms = blind.to_ms
            is_told = is_news and now_ms - blind.to_ms <= TELL_WITHIN_MS
            whom = await self._whom(blind, holes) if is_told else []
            await self._write(blind, whom)
        if lasting := self._lasting(merged, now_ms, known_ms):
            await self._write(lasting, await self._whom(lasting, holes), goes_on=True)
        return len(fresh) + bool(lasting)

    def _lasting(self, merged: Sequence[BlindTime], now_ms: int, known_ms: int) -> BlindTime | None:
        """What is to be told of one that lasts: all but its latest part, so that there is an end to be told later.

        It was seen to grow: one that ended a moment ago does not.
        """
        newest = merged[-1] if merged else None
        if newest is None or _is_over(newest, now_ms):
            self._growing = None
            return None
        if self._growing is None or self._growing.from_ms != newest.from_ms:
            self._growing = newest
        is_growing = newest.to_ms - self._growing.to_ms >= CALM_MS
        if newest.from_ms < known_ms or newest.length_ms < LASTS_MS or not is_growing:
            return None
        return BlindTime(newest.from_ms, newest.to_ms - CALM_MS)

    async def _whom(self, blind: BlindTime, holes: Sequence[Sequence[BlindTime]]) -> list[Concerned]:
        touched = [
            shard
            for shard, own in enumerate(holes)
            if any(one.from_ms < blind.to_ms and blind.from_ms < one.to_ms for one in own)
        ]
        down = await blind_times.down_throughout(self._history, blind)
        return await concerned(self._config, Fleet(blind.to_ms, len(holes), touched), down)

    async def _write(self, blind: BlindTime, whom: Sequence[Concerned], *, goes_on: bool = False) -> None:
        events = [pack_unheard_event(_event(blind, one, goes_on=goes_on)) for one in whom]
        async with self._ledger.lock:
            messages = await in_thread(self._commit, blind, events)
        self._raise_soon(messages)
        if whom:
            _log.warning(
                "no ping could be heard for %.1f s%s; %d organisations are told",
                blind.length_ms / 1000,
                ", and it goes on" if goes_on else "",
                len(whom),
            )

    def _commit(self, blind: BlindTime, events: Sequence[bytes]) -> list[Message]:
        with self._ledger.history.transaction():
            blind_times.put(self._ledger.history, blind, len(events))
            return self._ledger.alerts.put(SHARD, events, wall_ms()) if events else []


async def tell_until(unheard: Unheard, stop: asyncio.Event) -> None:
    """Look every second, until stopped; what cannot be done now is tried again."""
    complaint = ""
    while not stop.is_set():
        try:
            await unheard.step()
            complaint = ""
        except OverdueError as error:
            if str(error) != complaint:
                _log.warning("cannot write down when pings could not be heard: %s", error)
            complaint = str(error)
        await wait_or_stop(stop, LOOK_EVERY_S)


def _merged(holes: Sequence[Sequence[BlindTime]]) -> list[BlindTime]:
    """The holes of all shards as one list, in order, merged where they touch."""
    merged: list[BlindTime] = []
    for one in sorted((one for own in holes for one in own), key=lambda hole: hole.from_ms):
        if merged and one.from_ms <= merged[-1].to_ms:
            merged[-1] = BlindTime(merged[-1].from_ms, max(merged[-1].to_ms, one.to_ms))
        else:
            merged.append(one)
    return merged


def _is_over(blind: BlindTime, now_ms: int) -> bool:
    """Whether it grows no more."""
    return blind.to_ms <= now_ms - CALM_MS


def _event(blind: BlindTime, one: Concerned, *, goes_on: bool) -> UnheardEvent:
    examples = [MonitorUnheard(known.public_id, known.name) for known in one.examples]
    return UnheardEvent(
        from_ms=blind.from_ms,
        to_ms=blind.to_ms,
        org_id=one.org_id,
        public_id=one.public_id,
        told=FleetUnheard(one.count, examples, goes_on),
    )
