"""A writer slot: registers, records batches in sequence, says how far it has heard, and gives the slot back."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from store.errors import Unavailable
from store.live.arrival import ArrivalClock
from store.live.connect import Argument
from store.live.heads import read_waits
from store.live.keys import Keyspace
from store.live.link import Link
from store.live.shard import Generation
from store.metrics import CLOCK_STEPS

HISTORY_CAP_BYTES = 512 * 1024 * 1024
GIVE_UP_MS = 3000
# A clock that stands still is a step back again and again.
SAY_STEPS_EVERY_MS = 60_000
_log = logging.getLogger(__name__)


class Recorded(msgspec.Struct, frozen=True):
    """What became of a batch: one outcome byte per ping, in order (see `record.lua`), and for each that was limited
    the seconds to wait."""

    outcomes: bytes
    waits_s: tuple[int, ...]


class Writer:
    """One slot in one shard. Calls must not overlap: one batch is under way at a time."""

    def __init__(
        self,
        link: Link,
        keyspace: Keyspace,
        generation: Generation,
        slot: str,
        clock: ArrivalClock,
        history_cap_bytes: int = HISTORY_CAP_BYTES,
    ) -> None:
        self._generation = generation
        self.slot = slot
        self.clock = clock
        self._link = link
        self._cap = history_cap_bytes
        self._incarnation = secrets.token_bytes(8)
        self._sequence = self._answered = 0
        self._away = False
        self._heard_ms = 0
        self._unheard_ms = 0
        self._steps = clock.steps
        self._said_ms: int | None = None
        # By our own clock: before the first registration we know no other.
        self._deaf_since: int | None = None
        keys = keyspace
        self._record_keys = (
            keys.generation,
            keys.config,
            keys.state,
            keys.deadlines,
            keys.writers,
            keys.replies,
            keys.blind,
            keys.tallies,
            keys.broken,
            keys.pings,
            keys.events,
            keys.plans,
            keys.used,
            keys.walk,
            keys.due,
            keys.rules,
            keys.runs,
            keys.reminders,
            keys.pauses,
        )
        self._register_keys = (
            keys.generation,
            keys.writers,
            keys.replies,
            keys.heard,
            keys.blind,
            keys.tallies,
            keys.walk,
            keys.due,
            keys.pauses,
        )
        self._deregister_keys = (
            keys.generation,
            keys.writers,
            keys.replies,
            keys.heard,
            keys.blind,
            keys.tallies,
        )

    async def register(self) -> None:
        """Take the slot. What its last holder, or we ourselves, left unheard becomes a blind interval."""
        await self._register()
        if self._deaf_since is not None:
            # Refused before we had a slot, so that nobody waited for us: blind from then on. A blind time begins
            # behind its first moment, and both clocks tell whole ms: so two of them more.
            self._heard_ms -= self.clock.monotonic_ms() - self._deaf_since + 2
            await self._register()
            self._deaf_since = None

    async def _register(self) -> None:
        self._incarnation = secrets.token_bytes(8)
        sent_ms = self.clock.monotonic_ms()
        now_ms: int = await self._call("register", self._register_keys, (self._incarnation, self._heard_ms))
        self._sequence = self._answered = 0
        self._heard_ms = now_ms
        self.clock.observe(now_ms, sent_ms, self.clock.monotonic_ms())

    async def record(
        self, ids: Sequence[bytes], heads: bytes, history: bytes, watermark_ms: int, runs: bytes = b""
    ) -> Recorded:
        """Apply one batch; `runs` are the ids of the runs that its pings name, in order, 16 bytes each.

        Along goes the last number that was answered: should Redis not know of it, it has lost what it had taken.

        Raises:
            Unavailable: given up after a while; the batch may or may not have been applied. The number is not used
                again, so the script sees a gap if it was not, and calls the time blind.
        """
        if self.clock.steps != self._steps:
            self._follow_step()
        self._sequence += 1
        arguments: tuple[Argument, ...] = (
            self._incarnation,
            self._sequence,
            watermark_ms,
            self._cap,
            heads,
            history,
            runs,
            self._answered,
            *ids,
        )
        sent_ms = self.clock.monotonic_ms()
        now_ms, outcomes, waits = await self._call("record", self._record_keys, arguments)
        self._answered = self._sequence
        self.clock.observe(int(now_ms), sent_ms, self.clock.monotonic_ms())
        self._heard_ms = min(watermark_ms, int(now_ms))
        if self._heard_ms < self._unheard_ms:
            self._sequence += 1
        return Recorded(bytes(outcomes), read_waits(waits))

    def confess(self, arrival_ms: int = 0) -> None:
        """Something that arrived then was refused unheard: leave a gap in the sequence, so that the time is blind.

        A gap blinds the time up to the watermark of the next batch. That may be long before `arrival_ms` when older
        pings still wait; so every batch leaves a gap until the watermark has passed it.
        """
        self._sequence += 1
        if not self._heard_ms and self._deaf_since is None:
            self._deaf_since = self.clock.monotonic_ms()
        self._unheard_ms = max(self._unheard_ms, arrival_ms)

    def _follow_step(self) -> None:
        """Redis' clock was stepped since the last batch: call the time around it blind, and forget the former time."""
        self._steps = self.clock.steps
        now_ms = self.clock.now_ms()
        self._heard_ms, self._unheard_ms = min(self._heard_ms, now_ms), min(self._unheard_ms, now_ms)
        self.confess(now_ms)
        CLOCK_STEPS.inc()
        passed_ms = self.clock.monotonic_ms()
        if self._said_ms is None or passed_ms - self._said_ms >= SAY_STEPS_EVERY_MS:
            self._said_ms = passed_ms
            _log.warning("Redis' clock was stepped by %+d ms; that time is blind", self.clock.stepped_ms)

    async def deregister(self) -> None:
        """Give the slot back, after everything heard was recorded."""
        await self._call("deregister", self._deregister_keys, (self._incarnation,))

    async def _call(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        # While Redis is known to be away a batch gets one try: its clients are told 503 at once.
        give_up_ms = 0 if self._away else GIVE_UP_MS
        try:
            reply = await self._link.call(
                name, keys, (self._generation.value, self.slot, *arguments), give_up_ms
            )
        except Unavailable:
            self._away = True
            raise
        self._away = False
        return reply
