"""The ping side alone on stage: an intake on a real server, every call of which is noted and can be held back."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from ingest.intake import Intake
from ingest.waiting import AwaitedPing
from store.beat import Beat, Signal
from store.live.connect import CALL_TIMEOUT_S
from store.live.heads import SIGNAL_SHIFT, Outcome
from store.live.link import Link
from store.live.live import Live
from store.live.monitors import Resolved, resolve
from store.live.shard import Shard
from store.projection import DropMonitor, PutMonitor, key_digest
from tests.patience import until
from tests.stage import GENERATION, config_of

_HEAD = struct.Struct("<IHHIB")


class RecordCall(msgspec.Struct, frozen=True):
    """One batch as it went to Redis."""

    watermark_ms: int
    arrivals_ms: tuple[int, ...]
    ids: tuple[int, ...]
    history_bytes: int
    begun_s: float


class Gate:
    """A writer's link whose calls are noted, and wait while the gate is shut, as on a slow network.

    `waiting` are the calls that stand before the gate; `heard_ms` is the last watermark that Redis has confirmed.
    """

    def __init__(self, link: Link) -> None:
        self.records: list[RecordCall] = []
        self.waiting = 0
        self.heard_ms = 0
        self._link = link
        self._open = asyncio.Event()
        self._open.set()

    @property
    def batches(self) -> list[RecordCall]:
        """The calls that carried pings."""
        return [call for call in self.records if call.ids]

    @property
    def sizes(self) -> list[int]:
        return [len(call.ids) for call in self.batches]

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[Any], give_up_ms: int) -> Any:
        record = _read_record(arguments) if name == "record" else None
        if record is not None:
            self.records.append(record)
        self.waiting += 1
        await self._open.wait()
        self.waiting -= 1
        reply = await self._link.call(name, keys, arguments, give_up_ms)
        if record is not None:
            self.heard_ms = record.watermark_ms
        return reply


def _read_record(arguments: Sequence[Any]) -> RecordCall:
    _, _, _, _, watermark_ms, _, heads, history, _, _, *ids = arguments
    arrivals = tuple(low | high << 32 for low, high, *_ in _HEAD.iter_unpack(heads))
    begun_s = asyncio.get_running_loop().time()
    return RecordCall(watermark_ms, arrivals, tuple(map(int, ids)), len(history), begun_s)


class LookUps:
    """The look-ups of keys: they are counted, and wait while they are held."""

    def __init__(self) -> None:
        self.keys = 0
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def resolve(self, shard: Shard, digests: Sequence[bytes]) -> list[Resolved | None]:
        self.keys += len(digests)
        await self._open.wait()
        return await resolve(shard, digests)


class Entrance:
    """An intake with its gates, one per shard, and what a test needs to see around it."""

    def __init__(self, url: str, shards: int, call_timeout_s: float) -> None:
        self.live = Live(url, shards, GENERATION)
        self.intake = Intake(self.live, "main-0", ["simple"])
        for link in self.intake._links:
            link._call_timeout_s = call_timeout_s
        self.gates = [Gate(link) for link in self.intake._links]
        for writer, gate in zip(self.intake._writers, self.gates, strict=True):
            writer._link = gate  # type: ignore[assignment]
        self.running: asyncio.Task[None] | None = None

    @property
    def gate(self) -> Gate:
        return self.gates[0]

    @property
    def is_heard(self) -> bool:
        return self.intake.is_heard

    def arrive(self, monitor_id: int, *, body: bytes = b"", query: bytes = b"") -> AwaitedPing:
        """A ping of this monitor arrives now."""
        return self._arrive(monitor_id, 0, body, query)

    def signal(self, monitor_id: int, signal: Signal) -> AwaitedPing:
        """A ping that says more than that all is well arrives now."""
        return self._arrive(monitor_id, signal << SIGNAL_SHIFT, b"", b"")

    def _arrive(self, monitor_id: int, flags: int, body: bytes, query: bytes) -> AwaitedPing:
        beat = Beat("GET", b"host", query, b"", b"agent", "127.0.0.1", body)
        return self.intake.arrive(key_of(monitor_id), flags, beat, 0)

    async def put(self, *monitor_ids: int, **changed: Any) -> None:
        for monitor_id in monitor_ids:
            config = msgspec.structs.replace(config_of(monitor_id), **changed)
            await self.live.project(PutMonitor(config, (digest_of(monitor_id),)))

    async def drop(self, monitor_id: int) -> None:
        await self.live.project(DropMonitor(monitor_id, 9, (digest_of(monitor_id),)))

    async def know(self, *monitor_ids: int) -> None:
        """Make the keys of these monitors known to the intake."""
        outcomes = await asyncio.gather(*(self.arrive(one).future for one in monitor_ids))
        assert set(outcomes) == {Outcome.RECORDED}

    async def heard(self, moment_ms: int) -> None:
        """Returns when Redis knows that this moment has been heard of."""
        await seen(lambda: self.gate.heard_ms > moment_ms)

    async def blind(self, moment_ms: int) -> bool:
        """Whether this moment lies in a blind interval of the first shard."""
        holes = await self.live.holes(self.live.shards[0])
        return any(start < moment_ms <= end for start, end in holes)


def key_of(monitor_id: int) -> str:
    return f"key-{monitor_id:08}"


def digest_of(monitor_id: int) -> bytes:
    return key_digest(key_of(monitor_id).encode())


async def answers(pings: Sequence[AwaitedPing], seconds: float = 15) -> list[Outcome]:
    """What became of pings, in order; fails when one of them waits for too long."""
    async with asyncio.timeout(seconds):
        return [Outcome(outcome) for outcome in await asyncio.gather(*(ping.future for ping in pings))]


async def seen(condition: Callable[[], bool], seconds: float = 15) -> None:
    async def holds() -> bool:
        return condition()

    await until(holds, seconds)


@asynccontextmanager
async def entrance_on(
    url: str, redis: Any, shards: int = 1, call_timeout_s: float = CALL_TIMEOUT_S, *, is_shut: bool = False
) -> AsyncIterator[Entrance]:
    """An intake with its writer slots, on a server that `redis` empties first; `url` may lead through a proxy.

    `is_shut`: its gates are, so it has not got its slots yet.
    """
    await redis.flushall()
    entrance = Entrance(url, shards, call_timeout_s)
    for shard in entrance.live.shards:
        await redis.set(shard.keys.generation, GENERATION)
    for gate in entrance.gates if is_shut else ():
        gate.shut()
    entrance.running = asyncio.create_task(entrance.intake.run())
    try:
        await seen(lambda: entrance.is_heard or is_shut)
        yield entrance
    finally:
        for gate in entrance.gates:
            gate.open()
        entrance.intake.close()
        with suppress(Exception):
            await asyncio.wait_for(entrance.running, 10)
        await entrance.live.aclose()
