"""A live side on stage: real scripts on a real server, with a clock that the test moves by hand."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from store.beat import Signal
from store.live.arrival import ArrivalClock
from store.live.heads import HAS_RUN, LIFE_ONLY, OUT_OF_DATE, SIGNAL_SHIFT, Outcome, pack_head
from store.live.link import Link
from store.live.live import Live
from store.live.packing import Event, read_event
from store.live.sweeping import Swept, sweep
from store.live.writer import Writer
from store.monitor import MonitorConfig, MonitorState
from store.monitor_rules import MonitorRules
from store.projection import ChannelTarget, DropMonitor, PutChannels, PutMonitor, key_digest

CLOCK = Path(__file__).with_name("clock.lua")
START_MS = 1_800_000_000_000
# As a script, because these may be allowed to write when memory is full.
SET_CLOCK = "#!lua flags=allow-oom\nredis.call('SET', KEYS[1], ARGV[1])"
GENERATION = "0123456789abcdef0123456789abcdef"
ORG = 1


def config_of(
    monitor_id: int,
    interval_s: int = 30,
    grace_s: int = 10,
    *,
    version: int = 1,
    paused: bool = False,
    rules: MonitorRules | None = None,
) -> MonitorConfig:
    """A monitor's configuration with what the test cares about."""
    return MonitorConfig(
        id=monitor_id,
        public_id=uuid5(UUID(int=0), str(monitor_id)),
        org_id=ORG,
        name=f"job {monitor_id}",
        interval_s=interval_s,
        grace_s=grace_s,
        paused=paused,
        version=version,
        key_epoch=1,
        rules=rules,
    )


def digest_of(monitor_id: int) -> bytes:
    return key_digest(f"key-{monitor_id}".encode())


class Stage:
    """One shard. Times that tests give and get are seconds or ms after START_MS, as the name says."""

    def __init__(self, url: str) -> None:
        self.live = Live(url, 1, GENERATION, CLOCK)
        self.redis: Any = self.live.client
        self.shard = self.live.shards[0]
        self.links: list[Link] = []
        self.now_ms = START_MS
        self.stepped_ms = 0
        self.read_up_to = "0-0"

    async def open(self) -> None:
        await self.redis.flushall()
        await self.redis.set(self.shard.keys.generation, GENERATION)
        await self.move_to(0)
        self.writer = await self.new_writer()

    async def close(self) -> None:
        for link in self.links:
            await link.aclose()
        await self.live.aclose()

    async def new_writer(self, slot: str = "main-0") -> Writer:
        link = Link(self.live.url, self.live.scripts)
        self.links.append(link)
        writer = Writer(link, self.shard.keys, self.live.generation, slot, self.new_clock())
        await writer.register()
        return writer

    def new_clock(self) -> ArrivalClock:
        """For a writer whose own time passes as that of the scripts does, but is never stepped."""
        return ArrivalClock(lambda: self.now_ms - self.stepped_ms)

    async def move_to(self, second: float) -> None:
        """Set the clock of the scripts, in seconds after the start."""
        self.now_ms = START_MS + round(second * 1000)
        await self.redis.eval(SET_CLOCK, 1, "test-clock", self.now_ms)

    async def step_clock(self, seconds: float) -> None:
        """Redis' clock is stepped, while no time passes; from now on `move_to` speaks of its new time."""
        self.stepped_ms += round(seconds * 1000)
        await self.move_to((self.now_ms - START_MS) / 1000 + seconds)

    async def put(self, config: MonitorConfig) -> None:
        await self.live.project(PutMonitor(config, (digest_of(config.id),)))

    async def drop(self, monitor_id: int, version: int) -> None:
        await self.live.project(DropMonitor(monitor_id, version, (digest_of(monitor_id),)))

    async def channels(self, *ids: int, version: int = 1) -> None:
        targets = tuple(ChannelTarget(one, "webhook", b"{}") for one in ids)
        await self.live.project(PutChannels(ORG, version, targets))

    async def ping(
        self,
        *monitor_ids: int,
        at: float | None = None,
        heard: float | None = None,
        life_only: bool = False,
        signal: Signal = Signal.SUCCESS,
        run: UUID | None = None,
    ) -> list[Outcome]:
        """One batch; `at` is the arrival of its pings and `heard` its watermark, in seconds, both default to now."""
        now_s = (self.now_ms - START_MS) / 1000
        arrival_ms = START_MS + round((now_s if at is None else at) * 1000)
        watermark_ms = START_MS + round((now_s if heard is None else heard) * 1000)
        flags = LIFE_ONLY * life_only | signal << SIGNAL_SHIFT | (HAS_RUN if run else 0)
        heads = b"".join(pack_head(arrival_ms, 1, 1, flags) for _ in monitor_ids)
        runs = run.bytes * len(monitor_ids) if run else b""
        ids = [str(one).encode() for one in monitor_ids]
        recorded = await self.writer.record(ids, heads, b"history", watermark_ms, runs)
        self.waits_s = list(recorded.waits_s)
        return [Outcome(byte & ~OUT_OF_DATE) for byte in recorded.outcomes]

    async def listen(self, until: float, step: float = 1.0) -> None:
        """Time passes while the writer listens and nobody pings."""
        second = (self.now_ms - START_MS) / 1000
        while second < until:
            second = min(until, second + step)
            await self.move_to(second)
            await self.ping()

    async def sweep(self, limit: int = 256) -> Swept:
        return await sweep(self.shard, limit)

    async def events(self) -> list[Event]:
        """The events since the last look."""
        entries = await self.redis.xrange(self.shard.keys.events, f"({self.read_up_to}")
        if entries:
            self.read_up_to = entries[-1][0].decode()
        return [event for _, fields in entries if isinstance(event := read_event(fields[b"e"]), Event)]

    async def told(self) -> list[tuple[str, int, float]]:
        """The events since the last look as (kind, monitor, second)."""
        events = await self.events()
        return [(e.kind.name.lower(), e.monitor_id, (e.at_ms - START_MS) / 1000) for e in events]

    async def state(self, monitor_id: int) -> MonitorState | None:
        return (await self.live.states([monitor_id]))[1][0]

    async def deadline(self, monitor_id: int) -> float | None:
        """The stored deadline in seconds after the start."""
        score = await self.redis.zscore(self.shard.keys.deadlines, str(monitor_id))
        return None if score is None else (float(score) - START_MS) / 1000

    async def durations(self) -> list[tuple[int, float]]:
        """Of each ping that ended a run, in order: its place in its batch, and when the run began, in seconds."""
        entries = await self.redis.xrange(self.shard.keys.pings)
        ends = b"".join(fields.get(b"d", b"") for _, fields in entries)
        found = [struct.unpack_from("<HIH", ends, at) for at in range(0, len(ends), 8)]
        return [(place, ((lower | upper << 32) - START_MS) / 1000) for place, lower, upper in found]

    async def holes(self) -> list[tuple[float, float]]:
        holes = await self.live.holes(self.shard)
        return [((a - START_MS) / 1000, (b - START_MS) / 1000) for a, b in holes]
