"""However slow clients are, and however little they read: what a connection may cost is bounded."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.lane import MOST_HELD_BYTES, Lane
from tests.ingest.serving import Served, serving
from tests.patience import until
from tests.stage import Stage

SLOW_CLIENTS = 2_000
MOST_BYTES_EACH = 40_000
DEAF_CLIENTS = 20
PAGE_BYTES = resource.getpagesize()


@pytest.fixture
async def served(stage: Stage, tmp_path: Path) -> AsyncIterator[Served]:
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def lanes() -> list[Lane]:
    return [one for one in gc.get_objects() if isinstance(one, Lane) and not one.transport.is_closing()]


@pytest.mark.slow
async def test_two_thousand_slow_clients_take_little_memory_and_hinder_nobody(served: Served) -> None:
    monitor = await served.make()
    beginning = b"POST /ping/" + monitor["key"].encode() + b" HTTP/1.1\r\nHost: a\r\nX-Slow: "
    before = resident_bytes()
    writers = []
    for _ in range(SLOW_CLIENTS):
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writers.append(writer)
    for _ in range(60):
        for writer in writers:
            writer.write(beginning + b"x" * 100 if _ == 0 else b"x" * 100)
        await asyncio.sleep(0)

    async def all_is_held() -> bool:
        return sum(len(lane._held) > 6_000 for lane in lanes()) == SLOW_CLIENTS

    await until(all_is_held, 60)
    assert (await served.client.get(f"/ping/{monitor['key']}")).status_code == 200
    # This process plays the clients too: both ends of each connection are in what is counted.
    assert resident_bytes() - before < SLOW_CLIENTS * 2 * MOST_BYTES_EACH
    for writer in writers:
        writer.transport.abort()

    async def all_are_gone() -> bool:
        return len(lanes()) <= 1

    await until(all_are_gone, 60)


async def test_a_client_that_never_reads_is_not_read_from_for_ever(served: Served) -> None:
    monitor = await served.make(interval=86_400)
    ping = b"GET /ping/" + monitor["key"].encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    writers = []
    for _ in range(DEAF_CLIENTS):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(ping * 20_000)
        writers.append(writer)

    async def all_are_paused() -> bool:
        deaf = [lane for lane in lanes() if len(lane._held) > MOST_HELD_BYTES]
        return len(deaf) == DEAF_CLIENTS and all(lane.flow.read_paused for lane in deaf)

    await until(all_are_paused, 30)
    held = sum(len(lane._held) + lane.transport.get_write_buffer_size() for lane in lanes())
    assert held < DEAF_CLIENTS * 1_000_000
    for writer in writers:
        writer.transport.abort()
