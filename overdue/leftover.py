"""Releases writer slots of this node that no process of this start will take over, as there are fewer of them now.

They are left when processes ended without giving their slots back (a power cut, `kill -9`) and the next start has
fewer: each would hold the clock for ever. What such a slot had not accounted for up to its release is blind.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from store.clock import monotonic_ms
from store.errors import Unavailable
from store.live.live import Live
from store.live.writers import Dropping, drop_writer, number_of, registered
from store.presence import found_live, wait_or_stop
from store.settings import Settings

# A process of this node that somebody has started by hand is still heard after that, and keeps its slot.
STILL_HEARD_MS = 10_000
LOOK_EVERY_S = 0.5

_log = logging.getLogger(__name__)


async def release_leftovers(settings: Settings, stop: asyncio.Event) -> None:
    """Release every slot beyond `settings.workers` that was registered before now and stays silent; then be done."""
    live = await found_live(settings, stop)
    if live is None:
        return
    try:
        began_ms = monotonic_ms()
        while not stop.is_set() and monotonic_ms() - began_ms < STILL_HEARD_MS:
            with suppress(Unavailable):
                await live.follow_generation()
                if not await _release(live, settings):
                    return
            await wait_or_stop(stop, LOOK_EVERY_S)
    finally:
        await live.aclose()


async def _release(live: Live, settings: Settings) -> bool:
    """Release those that are silent; True if others are left."""
    left = False
    for one in await registered(live.shards):
        number = number_of(settings.node, one.slot)
        if number is None or number < settings.workers:
            continue
        dropped = await drop_writer(live.shards[one.shard], one.slot)
        left = left or dropped.what is Dropping.HEARD
        if dropped.what is Dropping.DROPPED:
            _log.warning(
                "the writer slot %s was left by an earlier start and is not used any more: released; "
                "the %.1f s since it was heard are blind",
                one.slot,
                dropped.unheard_ms / 1000,
            )
    return left
