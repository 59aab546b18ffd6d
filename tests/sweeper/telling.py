"""What tests of dispatch share: channels that lead to real receivers, and a dispatcher on a stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import msgspec

from store.book.runtime_reader import Allowed
from store.live.live import Live
from store.live.shard import Shard
from store.projection import ChannelTarget, PutChannels
from sweeper.channels.webhook import Webhook
from sweeper.dispatch import Dispatch
from sweeper.last_pings import PingFinder, Sources
from tests.patience import until
from tests.stage import ORG, Stage, config_of
from tests.sweeper.channels.receivers import SECRET, Call, Receiver, Reply, answering


class Told(msgspec.Struct, frozen=True):
    """One call of a webhook, as its receiver reads it."""

    webhook_id: str
    body: bytes
    message: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.message["type"])

    @property
    def monitor(self) -> str:
        return str(self.message["data"]["monitor"]["name"])

    @property
    def incident_id(self) -> str:
        return str(self.message["data"]["incident"]["id"])


def told(receiver: Receiver) -> list[Told]:
    """All calls of a receiver, in order."""
    return [_read(call) for call in receiver.calls]


def _read(call: Call) -> Told:
    return Told(call.headers["webhook-id"], call.body, msgspec.json.decode(call.body))


def in_turn(*replies: Reply) -> Reply:
    """One reply after the other; the last one for ever."""
    left = list(replies)

    async def reply(writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(writer)

    return reply


def statuses(*codes: int) -> Reply:
    return in_turn(*(answering(code) for code in codes))


async def channels(
    live: Live, *receivers: Receiver, version: int = 1, epoch: int = 1, disabled: bool = False
) -> None:
    """These receivers are the webhooks of the organisation; the first has the id 1."""
    targets = tuple(
        ChannelTarget(
            number,
            "webhook",
            msgspec.json.encode({"url": receiver.url(), "secret": SECRET}),
            epoch,
            disabled and number == 1,
        )
        for number, receiver in enumerate(receivers, start=1)
    )
    await live.project(PutChannels(ORG, version, targets))


async def silence(stage: Stage, *monitor_ids: int, second: float = 41) -> None:
    """These monitors (interval 30 s, grace 10 s) are made now, and nobody hears of them again."""
    for monitor_id in monitor_ids:
        await stage.put(config_of(monitor_id))
    await stage.listen(until=second)
    while (await stage.sweep()).looked_at:
        pass


class Teller:
    """A dispatcher with real webhooks to loopback, stepped by the test."""

    def __init__(self, shard: Shard, find_pings: PingFinder | None = None) -> None:
        self.webhook = Webhook((ip_network("127.0.0.0/8"),), attempt_timeout_s=30.0)
        sources = Sources(find_pings, self.find_allowed) if find_pings is not None else None
        self.dispatch = Dispatch(shard, {"webhook": self.webhook}, self.count_tags, sources=sources)

    def find(self, find_pings: PingFinder) -> None:
        """From now on somebody else is asked what monitors sent last."""
        assert self.dispatch._last_pings is not None
        self.dispatch._last_pings._sources = Sources(find_pings, self.find_allowed)

    def find_allowed(self, monitor_ids: Sequence[int]) -> dict[int, Allowed]:
        """Stands for config.db: each run may take 20 seconds, and two failures in a row are an incident."""
        return dict.fromkeys(monitor_ids, Allowed(20, 2))

    def count_tags(self, monitor_ids: Sequence[int]) -> list[tuple[str, int]]:
        """Stands for config.db: each monitor has the tag `all`."""
        return [("all", len(monitor_ids))]

    @property
    def under_way(self) -> int:
        return len(self.dispatch._under_way)

    async def step(self) -> float:
        return await self.dispatch.step()

    async def until(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        """Step after step until the condition holds."""

        async def holds() -> bool:
            await self.step()
            return condition()

        await until(holds, seconds)

    async def finish(self) -> None:
        """Step until nothing is due and nothing is under way."""
        while await self.step() == 0.0 or self.under_way:
            if self.under_way:
                await asyncio.wait(self.dispatch._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def crash(self) -> None:
        """End all attempts without settling, as a crash would."""
        await self.dispatch.finish(0)


@asynccontextmanager
async def telling(shard: Shard, find_pings: PingFinder | None = None) -> AsyncIterator[Teller]:
    teller = Teller(shard, find_pings)
    try:
        yield teller
    finally:
        await teller.crash()
        await teller.webhook.aclose()
