"""A real server whose clock is really stepped, by libfaketime; no wall clock of the machine is touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from store.clock import monotonic_ms, wall_ms
from store.live.arrival import ArrivalClock
from store.live.heads import OUT_OF_DATE, Outcome, pack_head
from store.live.link import Link
from store.live.live import Live
from store.live.monitors import put_monitor, put_plan
from store.live.packing import Event, read_event
from store.live.sweeping import sweep
from store.live.writer import Writer
from store.projection import PutMonitor, PutPlan
from tests.servers import running_server, valkey_binary
from tests.stage import GENERATION, ORG, config_of, digest_of

ALIVE, DEAD = (1, 2, 3), 9
INTERVAL_S, GRACE_S, TICK_S = 1, 1, 0.1
# More than they send while they are watched, and less than twice that.
PINGS_PER_MINUTE, MINUTE_S = 400, 60
LIBRARIES = [str(found) for found in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed (Debian's package faketime)"),
]


class FakedClock:
    """The clock of a server: what is written here it takes for an offset from the true time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offset_s = 0.0
        self.step(0)

    def step(self, seconds: float) -> None:
        self.offset_s += seconds
        self._write(f"{self.offset_s:+.1f}")

    def freeze(self) -> None:
        """From now on it is always this second; a step ends that."""
        self._write(f"{datetime.fromtimestamp(wall_ms() // 1000, UTC):%Y-%m-%d %H:%M:%S}")

    def _write(self, text: str) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text + "\n")
        fresh.replace(self._path)


class Watch:
    """Jobs that ping on time by the machine's clock, a writer and a sweep, as in production."""

    def __init__(self, live: Live, writer: Writer) -> None:
        self.live = live
        self.shard = live.shards[0]
        self.writer = writer
        self.entries: list[tuple[int, int]] = []
        self.delays_ms: list[int] = []
        self.outcomes: list[Outcome] = []
        self._read = "0-0"

    async def run(self, seconds: float) -> list[tuple[str, int]]:
        """So much time passes; what is told meanwhile."""
        told: list[tuple[str, int]] = []
        until_ms = monotonic_ms() + seconds * 1000
        while monotonic_ms() < until_ms:
            now_ms = self.writer.clock.now_ms()
            ids = [b"%d" % one for one in ALIVE]
            recorded = await self.writer.record(ids, pack_head(now_ms, 1, 1, 0) * len(ids), b"", now_ms)
            self.outcomes += [Outcome(byte & ~OUT_OF_DATE) for byte in recorded.outcomes]
            self.delays_ms += (await sweep(self.shard, 256)).delays_ms
            entries: Any = await self.live.client.xrange(self.shard.keys.events, f"({self._read}")
            if entries:
                self._read = entries[-1][0].decode()
            self.entries += [_number(entry_id) for entry_id, _ in entries]
            found = [read_event(fields[b"e"]) for _, fields in entries]
            told += [(one.kind.name.lower(), one.monitor_id) for one in found if isinstance(one, Event)]
            await asyncio.sleep(TICK_S)
        return told

    async def assert_in_order(self) -> None:
        """Ids have grown, whatever the clock said; nothing was noticed before it was due; the plan is counted right."""
        assert self.entries == sorted(set(self.entries))
        assert all(delay_ms >= 0 for delay_ms in self.delays_ms)
        await self._assert_within_the_plan()
        pings: Any = await self.live.client.xrange(self.shard.keys.pings)
        ids = [_number(entry_id) for entry_id, _ in pings]
        assert ids == sorted(set(ids))

    async def _assert_within_the_plan(self) -> None:
        """Nobody was refused, and no more pings count for a minute than came since the clock was stepped into it."""
        assert set(self.outcomes) == {Outcome.RECORDED}
        if not await self.live.pings_this_minute(ORG):  # the minute has just begun
            await self.run(3 * TICK_S)
        assert 0 < await self.live.pings_this_minute(ORG) <= len(self.outcomes)


def _number(entry_id: bytes) -> tuple[int, int]:
    ms, _, number = entry_id.partition(b"-")
    return int(ms), int(number)


def faking(file: Path) -> dict[str, str]:
    """The environment of processes whose clock is what this file says."""
    return {
        "LD_PRELOAD": LIBRARIES[0],
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "TZ": "UTC",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@pytest.fixture
def clock(tmp_path: Path) -> FakedClock:
    return FakedClock(tmp_path / "faketime")


@pytest.fixture
def url(clock: FakedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as faked:
        for name, text in faking(tmp_path / "faketime").items():
            faked.setenv(name, text)
        server = running_server(valkey_binary())
        address = server.__enter__()
    yield address
    server.__exit__(None, None, None)


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Watch]:
    live = Live(url, 1, GENERATION)
    shard = live.shards[0]
    await live.client.set(shard.keys.generation, GENERATION)
    link = Link(url, live.scripts)
    writer = Writer(link, shard.keys, live.generation, "main-0", ArrivalClock())
    await writer.register()
    for number in (*ALIVE, DEAD):
        config = config_of(number, INTERVAL_S, GRACE_S)
        await put_monitor(shard, PutMonitor(config, (digest_of(number),)))
    await put_plan(shard, PutPlan(ORG, 1, 0, PINGS_PER_MINUTE))
    yield Watch(live, writer)
    await link.aclose()
    await live.aclose()


@pytest.mark.parametrize("step_s", [1, -1, 90, -90, 3600, -3600])
async def test_a_step_of_the_servers_clock_alarms_nobody_who_pings_and_forgets_nobody_who_does_not(
    url: str, clock: FakedClock, step_s: int
) -> None:
    async with watching(url) as watch:
        assert await watch.run(1) == []
        clock.step(step_s)
        if abs(step_s) > MINUTE_S:
            assert set(watch.outcomes) == {Outcome.RECORDED}
            watch.outcomes.clear()
        assert await watch.run(INTERVAL_S + GRACE_S - 0.5) == []
        assert await watch.run(2) == [("down", DEAD)]
        assert watch.writer.clock.steps == 1
        assert abs(watch.writer.clock.stepped_ms - step_s * 1000) < 500
        assert await watch.run(2) == []
        await watch.assert_in_order()


async def test_a_clock_that_stands_still_pauses_the_sweep_which_goes_on_by_itself(
    url: str, clock: FakedClock
) -> None:
    async with watching(url) as watch:
        assert await watch.run(1) == []
        clock.freeze()
        assert await watch.run(3 * (INTERVAL_S + GRACE_S)) == []
        assert watch.writer.clock.steps > 2
        clock.step(0)
        assert await watch.run(INTERVAL_S + GRACE_S - 0.5) == []
        assert await watch.run(2) == [("down", DEAD)]
        await watch.assert_in_order()
