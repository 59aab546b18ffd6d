"""What sweeper and recorder have in common: waiting for an installation in Redis, and saying that they are alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from store.errors import Unavailable
from store.live.live import Live
from store.part import Part
from store.settings import Settings

ALIVE_EVERY_S = 1.0
LOOK_EVERY_S = 0.1
_log = logging.getLogger(__name__)


async def wait_or_stop(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def found_live(settings: Settings, stop: asyncio.Event) -> Live | None:
    """The live side, once Redis answers and holds an installation (ingest sees to that); None if told to stop first."""
    live = Live(settings.redis_url, settings.shards, "")
    told = False
    while not stop.is_set():
        try:
            if await live.follow_generation():
                return live
        except Unavailable as error:
            if not told:
                _log.warning("waiting for Redis: %s", error)
            told = True
        await wait_or_stop(stop, LOOK_EVERY_S)
    await live.aclose()
    return None


async def follow_quietly(live: Live) -> None:
    """Believe in the installation that Redis holds now, if it answers and holds one."""
    with suppress(Unavailable):
        await live.follow_generation()


async def say_alive_until(live: Live, part: Part, show: Callable[[], Awaitable[None]]) -> None:
    """Every second until stopped: say that the part is there, and `show` how it is doing.

    Neither waits for the other to succeed, and whatever goes wrong with them, the part goes on.
    """
    complaints: set[str] = set()
    while not part.stop.is_set():
        await _try("say that we are alive", lambda: live.say_alive(part.name), complaints)
        await _try("show how we are doing", show, complaints)
        await wait_or_stop(part.stop, ALIVE_EVERY_S)
    with suppress(Unavailable):
        await live.say_gone(part.name)


async def _try(what: str, do: Callable[[], Awaitable[None]], complaints: set[str]) -> None:
    """Do it, or say once why not: an error that nobody thought of must not end what pings and alerts depend on."""
    try:
        await do()
        complaints.discard(what)
    except Unavailable as error:
        _log.debug("cannot %s: %s", what, error)
    except Exception:
        if what not in complaints:
            _log.exception("cannot %s", what)
        complaints.add(what)
