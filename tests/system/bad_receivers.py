"""The cast of a bad day: every kind of receiver that fails, beside some that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from store.live.live import Live
from store.projection import ChannelTarget, PutChannels
from tests.stage import ORG
from tests.sweeper.channels.receivers import SECRET, Receiver, Reply, answering, dripping, hanging, receiving
from tests.sweeper.telling import Told, told

HEALTHY = ("healthy 1", "healthy 2", "healthy 3")
# These are well again after an hour.
RECOVERING = ("500", "429")
# These never are.
LOST = ("hang", "drip", "redirect", "410", "bad TLS", "no such host")
FLOODING = "100 MB"
RETRY_AFTER_S = 120
FLOOD_BYTES, CHUNK = 100_000_000, b"x" * 65_536
OK = b"HTTP/1.1 200 OK\r\n"


class Heard(msgspec.Struct, frozen=True):
    """One call as its channel got it: `second` is by the stage's clock, `at_s` by the loop's."""

    told: Told
    second: float
    at_s: float
    status: int


class Cast:
    """The channels by name, and what each has heard. `now_s` is the second of the stage."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.heard: dict[str, list[Heard]] = {}
        self.names: list[str] = []
        self.trapped = 0
        self.sent_bytes = 0
        self.under_way: dict[str, int] = {}
        self.most_under_way: dict[str, int] = {}
        self.ill_until_s = 0.0
        self._now_s = now_s
        self._urls: dict[str, str] = {}

    async def open(self, stack: AsyncExitStack, *, with_bad_ones: bool, stuck: int) -> None:
        """Everybody listens."""
        for name in HEALTHY:
            await self._listen(stack, name, 200, answering(200))
        for number in range(1, stuck + 1):
            await self._listen(stack, f"hang {number}", 0, hanging)
        if not with_bad_ones:
            return
        trap = await stack.enter_async_context(receiving(self._trap))
        await self._listen(stack, "500", 500, self._ill(answering(500)))
        await self._listen(stack, "429", 429, self._ill(answering(429, f"Retry-After: {RETRY_AFTER_S}")))
        await self._listen(stack, "hang", 0, hanging)
        await self._listen(stack, "drip", 0, dripping(OK + b"Content-Length: 0\r\n\r\n", every_s=1))
        await self._listen(stack, "redirect", 307, answering(307, f"Location: {trap.url()}"))
        await self._listen(stack, "410", 410, answering(410))
        await self._listen(stack, FLOODING, 200, self._flood)
        # Whoever greets it with TLS is answered otherwise.
        self._urls["bad TLS"] = trap.url(scheme="https")
        self._urls["no such host"] = "http://no-such-host.invalid/hook"

    async def introduce(self, live: Live) -> None:
        """They are the channels of the organisation, with the ids 1, 2, 3 … in the order of `names`."""
        self.names = list(self._urls)
        targets = tuple(
            ChannelTarget(
                number, "webhook", msgspec.json.encode({"url": self._urls[name], "secret": SECRET}), name=name
            )
            for number, name in enumerate(self.names, start=1)
        )
        await live.project(PutChannels(ORG, 1, targets))

    async def _listen(self, stack: AsyncExitStack, name: str, status: int, reply: Reply) -> Receiver:
        self.heard[name] = []
        self.under_way[name] = self.most_under_way[name] = 0

        async def noting(writer: asyncio.StreamWriter) -> None:
            now_s = self._now_s()
            is_ill = status != 200 and (name not in RECOVERING or now_s < self.ill_until_s)
            at_s = asyncio.get_running_loop().time()
            self.heard[name].append(Heard(told(receiver)[-1], now_s, at_s, status if is_ill else 200))
            self.under_way[name] += 1
            self.most_under_way[name] = max(self.most_under_way[name], self.under_way[name])
            try:
                await reply(writer)
            finally:
                self.under_way[name] -= 1

        receiver = await stack.enter_async_context(receiving(noting))
        self._urls[name] = receiver.url()
        return receiver

    async def _trap(self, writer: asyncio.StreamWriter) -> None:
        """Nobody was sent here."""
        self.trapped += 1
        await answering(200)(writer)

    def _ill(self, reply: Reply) -> Reply:
        async def for_a_while(writer: asyncio.StreamWriter) -> None:
            await (reply if self._now_s() < self.ill_until_s else answering(200))(writer)

        return for_a_while

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % FLOOD_BYTES)
        for _ in range(0, FLOOD_BYTES, len(CHUNK)):
            writer.write(CHUNK)
            await writer.drain()
            self.sent_bytes += len(CHUNK)


@asynccontextmanager
async def assembled(cast: Cast, live: Live, *, with_bad_ones: bool, stuck: int = 0) -> AsyncIterator[None]:
    """The cast, for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        await cast.open(stack, with_bad_ones=with_bad_ones, stuck=stuck)
        await cast.introduce(live)
        yield
