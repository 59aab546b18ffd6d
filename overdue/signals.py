"""When `serve` has to stop: SIGTERM or one Ctrl-C. Only a second Ctrl-C forces; a repeated SIGTERM changes nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


class StopSignals:
    """Two events, set by signals: `stop` in order, `force` at once."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.force = asyncio.Event()
        self._interrupts = 0

    def listen(self) -> None:
        """Hear the signals from now on, in the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks to outlive the terminal
            loop.add_signal_handler(signal.SIGHUP, self.stop.set)

    def _interrupted(self) -> None:
        self._interrupts += 1
        self.stop.set()
        if self._interrupts > 1:
            self.force.set()


async def done_before(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work unless the event comes first; then it is cancelled. True if it was done."""
    task, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    if task.cancelled():
        return False
    task.result()
    return True
