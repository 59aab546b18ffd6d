"""`record.lua` alone: batches of one size through the writer that ingest has, into a Valkey that does nothing else.

What a batch carries is what ingest sends for pings of curl. The stream is trimmed after each round, as the recorder
would do it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterator
from itertools import cycle, islice
from typing import Any, cast
from uuid import uuid4

from bench.case import GENERATOR, REDIS, Round
from bench.client import now_ns
from bench.load import USER_AGENT, LoadResult, percentile
from bench.measure import Server
from store.beat import Beat, BeatRow, encode_history
from store.live.arrival import ArrivalClock
from store.live.heads import Outcome, pack_head
from store.live.link import Link
from store.live.live import Live
from store.live.streams import trim_pings
from store.live.writer import Writer
from store.monitor import MonitorConfig
from store.projection import PutMonitor, key_digest

INTERVAL_S = 86_400
_BEAT = Beat("GET", b"127.0.0.1:8000", b"", b"", USER_AGENT.encode(), "127.0.0.1", b"")


async def lay_out(url: str, generation: str, monitors: int) -> None:
    """Make an empty server an installation with some monitors."""
    live = Live(url, 1, generation)
    await live.client.set(live.shards[0].keys.generation, generation)
    for number in range(1, monitors + 1):
        config = MonitorConfig(
            id=number,
            public_id=uuid4(),
            org_id=1,
            name=f"bench {number}",
            interval_s=INTERVAL_S,
            grace_s=INTERVAL_S,
            paused=False,
            version=1,
            key_epoch=1,
        )
        await live.project(PutMonitor(config, (key_digest(f"bench-{number}".encode()),)))
    await live.aclose()


async def measure_script(
    server: Server, url: str, generation: str, monitors: int, pings: int, seconds_s: float
) -> Round:
    """One call after the other, each with so many pings."""
    live = Live(url, 1, generation)
    shard = live.shards[0]
    link = Link(url, live.scripts)
    writer = Writer(link, shard.keys, live.generation, "bench-0", ArrivalClock())
    await writer.register()
    before, ours = server.cpu_us(), os.times()
    calls = Calls(writer, monitors, pings)
    began_ns = now_ns()
    while now_ns() - began_ns < seconds_s * 1e9:
        await calls.make()
    elapsed_s = (now_ns() - began_ns) / 1e9
    spent = {REDIS: server.cpu_of(REDIS) - before[REDIS], GENERATOR: _us_since(ours)}
    entries = await _read_out(live)
    await writer.deregister()
    await link.aclose()
    await live.aclose()
    return Round(
        result=calls.result(elapsed_s), cpu_us=spent, pings_per_reply=pings, faults=calls.faults(entries)
    )


class Calls:
    """The calls of a round, and what came of them."""

    def __init__(self, writer: Writer, monitors: int, pings: int) -> None:
        self._writer = writer
        self._pings = pings
        self._ids: Iterator[int] = cycle(range(1, monitors + 1))
        self._took_ns: list[int] = []
        self._unrecorded = 0

    async def make(self) -> None:
        """One batch, packed as the batcher does it."""
        now_ms = self._writer.clock.now_ms()
        ids = list(islice(self._ids, self._pings))
        head = pack_head(now_ms, 1, 1, 0)
        rows = [BeatRow(one, now_ms, _BEAT) for one in ids]
        wire_ids, history = [b"%d" % one for one in ids], encode_history(rows)
        began_ns = now_ns()
        recorded = await self._writer.record(wire_ids, head * len(ids), history, now_ms - 1)
        self._took_ns.append(now_ns() - began_ns)
        self._unrecorded += len(ids) - recorded.outcomes.count(Outcome.RECORDED)

    def result(self, elapsed_s: float) -> LoadResult:
        """A call is a reply here."""
        ordered = sorted(self._took_ns)
        return LoadResult(
            answered=len(ordered),
            elapsed_s=elapsed_s,
            p50_ms=percentile(ordered, 0.50) / 1e6,
            p99_ms=percentile(ordered, 0.99) / 1e6,
        )

    def faults(self, entries: int) -> tuple[str, ...]:
        found = []
        if self._unrecorded:
            found.append(f"{self._unrecorded} pings were not recorded")
        if entries != len(self._took_ns):
            found.append(f"{len(self._took_ns)} calls, but {entries} entries in the stream")
        return tuple(found)


async def _read_out(live: Live) -> int:
    """How many entries the stream of pings has; they are gone afterwards."""
    shard = live.shards[0]
    entries: Any = await cast(Awaitable[Any], live.client.xrevrange(shard.keys.pings, count=1))
    if not entries:
        return 0
    entry_id, fields = entries[0]
    return await trim_pings(shard, entry_id.decode(), int(fields[b"c"]))


def _us_since(before: os.times_result) -> int:
    now = os.times()
    return int((now.user + now.system - before.user - before.system) * 1e6)


def run_script(
    server: Server, url: str, generation: str, monitors: int, pings: int, seconds_s: float
) -> Round:
    return asyncio.run(measure_script(server, url, generation, monitors, pings, seconds_s))
