"""The pause between two steps of dispatch: it ends when an event comes."""

from __future__ import annotations

import asyncio
import logging

from store.errors import OverdueError
from store.live.bell import Bell
from store.presence import wait_or_stop
from sweeper.schedule import LOOK_EVERY_S

# What comes in the wake of an event is told together with the next one.
SHORTEST_PAUSE_S = 0.01
_log = logging.getLogger(__name__)


class Listening:
    """Listens with a bell, beyond the end of a pause too: a read that blocks is not begun anew for every pause."""

    def __init__(self, bell: Bell, stop: asyncio.Event) -> None:
        self._bell = bell
        self._stop = stop
        self._stopped = asyncio.ensure_future(stop.wait())
        self._news: asyncio.Task[bool] | None = None

    async def pause(self, after: str, seconds: float) -> None:
        """Wait these seconds, but no longer than until an event behind the id `after` is there, or until `stop`."""
        await wait_or_stop(self._stop, min(seconds, SHORTEST_PAUSE_S))
        if self._news is None:
            self._news = asyncio.create_task(self._listen(after))
        waited_for = (self._news, self._stopped)
        await asyncio.wait(waited_for, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._news.done():
            could_listen, self._news = self._news.result(), None
            if not could_listen:
                await wait_or_stop(self._stop, min(seconds, LOOK_EVERY_S))

    async def _listen(self, after: str) -> bool:
        """False: nobody can listen just now."""
        try:
            await self._bell.wait(after)
        except OverdueError as error:
            _log.debug("cannot listen for events: %s", error)
            return False
        return True

    async def aclose(self) -> None:
        """Listen no more."""
        tasks = [task for task in (self._news, self._stopped) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._bell.close()
