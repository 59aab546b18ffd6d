"""Host names to addresses, in threads of our own.

The loop's own `getaddrinfo` has a handful of threads for the whole process (uvloop: four), so a few names
whose servers never answer would hold up everybody's; and a stop would wait for them. Here a lookup has a
daemon thread to itself, and there are never more than `max_lookups`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence

# From a host and a port to its addresses as text, best first; raises OSError or ValueError if there are none.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class SystemNames:
    """The system's resolver as a `Resolver`."""

    def __init__(self, max_lookups: int = 64) -> None:
        self._slots = asyncio.Semaphore(max_lookups)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        await self._slots.acquire()
        try:
            found = self._start(host, port)
        except BaseException:
            self._slots.release()
            raise
        return await found

    def _start(self, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        """Start the thread. Its slot is free again when it ends, not when its caller loses patience."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[str]] = loop.create_future()

        def settle(result: Sequence[str] | Exception) -> None:
            self._slots.release()
            if found.done():
                return
            if isinstance(result, Exception):
                found.set_exception(result)
            else:
                found.set_result(result)

        def work() -> None:
            result = _look_up(host, port)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is waiting any more
                loop.call_soon_threadsafe(settle, result)

        threading.Thread(target=work, name="overdue-names", daemon=True).start()
        return found


def _look_up(host: str, port: int) -> Sequence[str] | Exception:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError, OverflowError) as error:
        return error
    return list(dict.fromkeys(str(row[4][0]) for row in rows))
