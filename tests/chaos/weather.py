"""Bad weather: a proxy between one part and Redis, or before a receiver, that does what networks do at their worst."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.faults import Fault
from tests.chaos.strike import Loss
from tests.proxy import FaultProxy

LASTS_S, GUST_S = 4.0, 0.4


class Sky:
    """A proxy in a thread of its own."""

    def __init__(self, proxy: FaultProxy, loop: asyncio.AbstractEventLoop) -> None:
        self.proxy = proxy
        self._loop = loop

    def do(self, what: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(what)

    def accept(self) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.accept(), self._loop).result(5)


class Weather:
    """Brings bad weather about, and counts the answers that got lost as deaths are counted elsewhere."""

    def __init__(self, sky: Sky) -> None:
        self.kills = 0
        self.losses: list[Loss] = []
        self._sky = sky
        self._thread: threading.Thread | None = None
        self._kinds: Mapping[str, Callable[[], None]] = {
            "lost replies": lambda: self._gusts(lambda: self._sky.proxy.lose_replies(1)),
            "cuts": lambda: self._gusts(self._sky.proxy.cut),
            "delays": self._delay,
            "a black hole": self._swallow,
            "nobody there": self._refuse,
        }

    def strike(self, fault: Fault) -> None:
        self._thread = threading.Thread(target=self._kinds[fault.weather], name=fault.weather)
        self._thread.start()

    def wait_until_over(self, fault: Fault) -> None:
        assert self._thread is not None
        self._thread.join()

    def _gusts(self, gust: Callable[[], None]) -> None:
        for _ in range(int(LASTS_S / GUST_S)):
            time.sleep(GUST_S)
            self.kills += 1
            self._sky.do(gust)
        self._sky.do(lambda: self._sky.proxy.lose_replies(0))

    def _delay(self) -> None:
        self._sky.proxy.delay_s = GUST_S
        time.sleep(LASTS_S)
        self._sky.proxy.delay_s = 0.0

    def _swallow(self) -> None:
        """Everything is taken and nothing is answered; then the connections are gone, as they would be."""
        self.kills += 1
        self._sky.proxy.black_hole = True
        time.sleep(LASTS_S)
        self._sky.proxy.black_hole = False
        self._sky.do(self._sky.proxy.cut)

    def _refuse(self) -> None:
        self.kills += 1
        self._sky.do(self._sky.proxy.refuse)
        time.sleep(LASTS_S)
        self._sky.accept()


KINDS = ("lost replies", "cuts", "delays", "a black hole", "nobody there")


@contextmanager
def under_the_sky(target: str, folder: Path) -> Iterator[Sky]:
    """A proxy to a URL, as near as what is behind it, for as long as the block lasts."""
    loop, opened, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    proxy = FaultProxy(folder / "sky" if target.startswith("unix:") else None, target)

    async def live() -> None:
        async with proxy:
            opened.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()), name="sky")
    thread.start()
    try:
        assert opened.wait(5)
        yield Sky(proxy, loop)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
