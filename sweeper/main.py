"""The sweeper part: sweeps every shard and dispatches what happened, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from store.book.database import CONFIG_DB
from store.book.history_reader import HISTORY_DB
from store.book.last_pings import last_pings
from store.book.runtime_reader import what_is_allowed
from store.book.tag_reader import count_tags
from store.errors import GenerationMissing, OverdueError
from store.live.bell import Bell
from store.live.link import Link
from store.live.live import Live
from store.live.shard import Shard
from store.metrics import BROKEN_MONITORS, DEAD_LETTERS, DELIVERIES_WAITING, MONITORS
from store.part import Part
from store.presence import follow_quietly, found_live, say_alive_until, wait_or_stop
from store.settings import Settings
from sweeper.channels import open_channels
from sweeper.dispatch import Dispatch
from sweeper.last_pings import Sources
from sweeper.listening import Listening
from sweeper.sweeping import Sweep

RETRY_S = 0.25
FINISH_WITHIN_S = 3.0
_log = logging.getLogger(__name__)
Pause = Callable[[float], Awaitable[None]]


async def run(settings: Settings, part: Part) -> None:
    """Sweep and dispatch until `part.stop`; then finish the attempts under way, as far as that goes quickly."""
    live = await found_live(settings, part.stop)
    if live is None:
        return
    channels = open_channels(settings)
    count = partial(count_tags, settings.data / CONFIG_DB)
    sources = Sources(
        partial(last_pings, settings.data / HISTORY_DB), partial(what_is_allowed, settings.data / CONFIG_DB)
    )
    links: list[Link] = []

    def linked(shard: Shard) -> Shard:
        """The shard over a link of its own: looking again and again is all that an idle sweeper does, and a call
        through the pool costs three times as much. For whoever makes one call at a time."""
        links.append(Link(live.url, live.scripts))
        return Shard(links[-1], shard.keys, live.generation)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say_alive_until(live, part, lambda: _show(live)))
            for shard in live.shards:
                tasks.create_task(_sweep(Sweep(linked(shard)), live, part.stop))
                dispatch = Dispatch(shard, channels, count, linked(shard), sources, settings.base_url)
                tasks.create_task(_dispatch(dispatch, Bell(live.url, shard), live, part.stop))
    finally:
        for link in links:
            await link.aclose()
        for channel in channels.values():
            await channel.aclose()
        await live.aclose()


async def _sweep(sweep: Sweep, live: Live, stop: asyncio.Event) -> None:
    await _repeat("sweep", sweep.step, partial(wait_or_stop, stop), live, stop)


async def _dispatch(dispatch: Dispatch, bell: Bell, live: Live, stop: asyncio.Event) -> None:
    listening = Listening(bell, stop)

    async def pause(seconds: float) -> None:
        await listening.pause(dispatch.dispatched, seconds)

    keeping = asyncio.create_task(dispatch.keep_leases())
    await _repeat("dispatch", dispatch.step, pause, live, stop)
    await listening.aclose()
    await dispatch.finish(FINISH_WITHIN_S)
    keeping.cancel()


async def _repeat(
    trade: str, step: Callable[[], Awaitable[float]], pause: Pause, live: Live, stop: asyncio.Event
) -> None:
    """Step after step, pausing as each says; what cannot be done now is tried again."""
    failing = False
    while not stop.is_set():
        try:
            wait_s = await step()
            if failing:
                _log.info("%s: going on", trade)
            failing = False
        except OverdueError as error:
            if not failing:
                _log.warning("%s: waiting: %s", trade, error)
            failing = True
            if isinstance(error, GenerationMissing):
                await follow_quietly(live)
            await wait_or_stop(stop, RETRY_S)
            continue
        if wait_s > 0:
            await pause(wait_s)


async def _show(live: Live) -> None:
    """Tell Prometheus what the scripts have counted."""
    tallies = await live.tallies()
    for status in ("new", "up", "down", "paused"):
        MONITORS.labels(status).set(getattr(tallies, status))
    DELIVERIES_WAITING.set(tallies.deliveries)
    DEAD_LETTERS.set(tallies.dead_letters)
    BROKEN_MONITORS.set(tallies.broken)
