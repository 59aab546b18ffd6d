"""Ends the incidents that Redis has forgotten when it came back without its last moments: nobody else would."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from store.book.open_incidents import OpenIncidents
from store.book.threads import in_thread
from store.clock import wall_ms
from store.errors import OverdueError
from store.live.forgotten import Fate, tell_forgotten
from store.live.live import Live
from store.live.shard import Shard
from store.presence import wait_or_stop
from store.recorder.ledger import Ledger
from store.silence import Silence

EVERY_S = 1.0
AT_ONCE = 500
_log = logging.getLogger(__name__)


async def end_forgotten_until(forgotten: Forgotten, stop: asyncio.Event) -> None:
    """Look every second, until stopped; what cannot be done now is done later."""
    while not stop.is_set():
        try:
            await forgotten.step()
        except OverdueError as error:
            _log.debug("cannot look for what Redis has forgotten: %s", error)
        await wait_or_stop(stop, EVERY_S)


class Forgotten:
    """Holds what the history has open against Redis, one page at a time, round and round."""

    def __init__(self, live: Live, ledger: Ledger) -> None:
        self._live = live
        self._ledger = ledger
        self._open = OpenIncidents(ledger.history)
        self._after = (0, "")

    async def step(self) -> int:
        """Look at the next page; answers how many incidents were ended.

        The recorders stand still meanwhile, so that what they have read is what the history has.
        """
        async with self._ledger.lock:
            page = self._open.after(*self._after, AT_ONCE)
            ended = 0
            for shard in self._live.shards:
                own = [one for one in page if self._live.home(one.monitor_id) is shard]
                ended += await self._end(shard, own) if own else 0
        self._after = (page[-1].monitor_id, page[-1].id) if len(page) == AT_ONCE else (0, "")
        return ended

    async def _end(self, shard: Shard, incidents: Sequence[Silence]) -> int:
        read = self._ledger.positions(self._live.generation.value, shard.keys.shard).events.entry
        fates = await tell_forgotten(shard, read, incidents)
        over = [one.id for one, fate in zip(incidents, fates, strict=False) if fate is Fate.OVER]
        told = sum(fate is Fate.TOLD for fate in fates)
        if over:
            await in_thread(self._open.close, over, wall_ms())
        if told:
            _log.info("told of %d incidents that Redis had forgotten", told)
        return len(over) + told
