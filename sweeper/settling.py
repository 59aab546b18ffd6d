"""Settles attempts, and remembers how they went while Redis cannot be told, so that nothing is sent again for that.

Until an attempt is settled, nobody but this process knows what the receiver has answered. So whatever is leased here
again, because Redis stood still, its clock was stepped or a reply was lost, is not attempted again: while it is under
way its attempt gets the new lease, and afterwards its answer does.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from store.clock import monotonic_ms
from store.errors import OverdueError, Unavailable
from store.live.delivering import Lease, Report, Settlement, settle
from store.live.shard import Shard
from sweeper.schedule import LOOK_EVERY_S

# After that the place of the attempt is free for another one.
SETTLE_WITHIN_S = 4.0
# What does not fit is forgotten, the oldest first, and repeated when its lease has ended.
REMEMBERED = 4_096
# So many of them are settled between two looks at what is due.
SETTLED_AT_ONCE = 64
# Whoever else has the lease has settled it by then, or it came back.
LOST_FOR_MS = 600_000
_log = logging.getLogger(__name__)


class Verdict(msgspec.Struct, frozen=True):
    """How an attempt went that could not be settled. `lost_ms`: since when (monotonic) its lease is not ours."""

    lease: Lease
    outcome: Settlement
    wait_ms: int
    report: Report
    lost_ms: int | None = None

    def is_of(self, lease: Lease) -> bool:
        """Whether it answers this lease: a later one for the same attempt.

        A dead letter that is sent again counts from the beginning, attempts and leases alike.
        """
        is_old = self.lost_ms is not None and monotonic_ms() - self.lost_ms > LOST_FOR_MS
        return not is_old and self.lease.attempt == lease.attempt and self.lease.leases < lease.leases


class Settling:
    """The attempts of this process on one shard, from their lease to their settling."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._under_way: dict[str, Lease] = {}
        self._verdicts: dict[str, Verdict] = {}

    def begin(self, one: Lease) -> bool:
        """Whether this lease is to be attempted; if not, it is used for what is under way or known here."""
        if one.delivery_id in self._under_way:
            self._under_way[one.delivery_id] = one
            return False
        known = self._verdicts.pop(one.delivery_id, None)
        if known is not None and known.is_of(one):
            self._remember(msgspec.structs.replace(known, lease=_renewed(known.lease, one), lost_ms=None))
            return False
        self._under_way[one.delivery_id] = one
        return True

    def end(self, one: Lease) -> None:
        """Its attempt is not under way any more."""
        self._under_way.pop(one.delivery_id, None)

    def leases(self) -> list[Lease]:
        """The latest ones of all that is under way."""
        return list(self._under_way.values())

    async def settle(self, one: Lease, outcome: Settlement, wait_ms: int, report: Report) -> bool:
        """Settle, trying for a while if Redis is away; if it stays away, remember, and answer False."""
        # What settling does not need may be large.
        verdict = Verdict(msgspec.structs.replace(one, event=None, noted=None), outcome, wait_ms, report)
        try:
            async with asyncio.timeout(SETTLE_WITHIN_S):
                while True:
                    try:
                        await self._try(verdict)
                        return True
                    except Unavailable:
                        await asyncio.sleep(LOOK_EVERY_S)
        except (TimeoutError, OverdueError) as error:
            _log.warning(
                "delivery %s cannot be settled yet: %s", one.delivery_id, str(error) or "no answer in time"
            )
            self._remember(verdict)
            return False

    async def settle_remembered(self) -> bool:
        """Settle some of what is remembered; whether there may be more.

        Raises:
            Unavailable: Redis is still away.
        """
        open_ = [one for one in self._verdicts.values() if one.lost_ms is None]
        for one in open_[:SETTLED_AT_ONCE]:
            # Those that fail come last the next time.
            del self._verdicts[one.lease.delivery_id]
            try:
                await self._try(one)
            except OverdueError as error:
                self._remember(one)
                if isinstance(error, Unavailable):
                    raise
                _log.error("delivery %s cannot be settled: %s", one.lease.delivery_id, error)
        return len(open_) > SETTLED_AT_ONCE

    async def _try(self, verdict: Verdict) -> None:
        """Settle under the latest lease; what that does not settle is remembered, as it may be leased here again."""
        while True:
            lease = self._latest(verdict)
            if await settle(self._shard, lease, verdict.outcome, verdict.wait_ms, verdict.report):
                return
            if self._latest(verdict).turn == lease.turn:
                self._remember(msgspec.structs.replace(verdict, lease=lease, lost_ms=monotonic_ms()))
                return

    def _latest(self, verdict: Verdict) -> Lease:
        return _renewed(verdict.lease, self._under_way.get(verdict.lease.delivery_id, verdict.lease))

    def _remember(self, verdict: Verdict) -> None:
        self._verdicts[verdict.lease.delivery_id] = verdict
        while len(self._verdicts) > REMEMBERED:
            forgotten = next(iter(self._verdicts))
            del self._verdicts[forgotten]
            _log.warning("delivery %s could not be settled and will be repeated", forgotten)


def _renewed(one: Lease, by: Lease) -> Lease:
    return msgspec.structs.replace(one, turn=by.turn)
