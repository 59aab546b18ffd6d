"""Drops what is over its time: days of pings and samples, months of hours, deliveries, keys that nobody sends now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from store.book.dated_tables import DAY_MS
from store.book.history_writer import PINGS
from store.book.sample_writer import HOURS, MINUTES, SAMPLES
from store.book.signals import SIGNALS
from store.book.threads import in_thread
from store.clock import wall_ms
from store.errors import Unavailable
from store.fault_points import reach
from store.live.dead_letters import forget_dead
from store.live.shard import Shard
from store.presence import wait_or_stop
from store.recorder.ledger import Ledger
from store.settings import Settings

EVERY_S = 600.0
# So many deliveries at a time: recording goes on in between.
DELIVERIES_AT_ONCE = 1000
_log = logging.getLogger(__name__)


async def forget_until(
    ledger: Ledger, shards: Sequence[Shard], settings: Settings, stop: asyncio.Event
) -> None:
    """Look at the start and every ten minutes, until stopped."""
    while not stop.is_set():
        try:
            async with ledger.lock:
                await in_thread(forget, ledger, settings, wall_ms())
            await forget_deliveries(ledger, shards, settings.history_days, wall_ms())
        except Unavailable as error:
            _log.warning("cannot drop old days: %s", error)
        await wait_or_stop(stop, EVERY_S)


async def forget_deliveries(ledger: Ledger, shards: Sequence[Shard], days: int, now_ms: int) -> None:
    """Forget old deliveries that are settled. Old dead letters are dropped, which settles them; the next look forgets
    them. What still waits stays, however old it is."""
    for shard in shards:
        while await forget_dead(shard, days * DAY_MS, DELIVERIES_AT_ONCE) == DELIVERIES_AT_ONCE:
            pass
    reach("letters.dropped")
    forgotten = DELIVERIES_AT_ONCE
    while forgotten == DELIVERIES_AT_ONCE:
        async with ledger.lock:
            forgotten = await in_thread(
                ledger.letters.forget_before, now_ms - days * DAY_MS, DELIVERIES_AT_ONCE
            )


def forget(ledger: Ledger, settings: Settings, now_ms: int) -> None:
    """Drop what is too old at this moment."""
    families = (
        (PINGS, settings.history_days),
        (SIGNALS, settings.history_days),
        (SAMPLES, settings.samples_days),
        (MINUTES, settings.minutes_days),
        (HOURS, settings.hours_days),
    )
    dropped: list[str] = []
    for dated, days in families:
        dropped = ledger.history.drop_before(dated, now_ms, days)
        for table in dropped:
            _log.info("dropped %s: older than %d days", table, days)
    if dropped:
        # With the hours the last trace of some keys is gone.
        ledger.samples.forget_before(now_ms - settings.hours_days * DAY_MS)
