"""Ten thousand monitors: the page comes at once, and whoever pings meanwhile does not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter, thread_time

import httpx
import msgspec
import pytest

from store.book import monitors
from store.book.monitors import NewMonitor
from store.keeping import drain_outbox
from tests.ingest.api.cast import LONG_AGO_MS, Api
from tests.ingest.pages.looking import Looker
from tests.stage import Stage

MANY = 10_000
TRIES = 5


class Look(msgspec.Struct, frozen=True):
    """One request: until its first byte, the longest time nobody else had a turn, and the CPU time of the loop; ms."""

    first_byte: float
    longest_stall: float
    cpu: float


@asynccontextmanager
async def watching(stalls: list[float]) -> AsyncIterator[None]:
    """Notes how long the loop keeps somebody waiting who wants a turn all the time."""

    async def wait() -> None:
        before = perf_counter()
        while True:
            await asyncio.sleep(0)
            now = perf_counter()
            stalls.append((now - before) * 1000)
            before = now

    waiting = asyncio.create_task(wait())
    try:
        yield
    finally:
        waiting.cancel()


async def look(client: httpx.AsyncClient, path: str) -> Look:
    stalls: list[float] = [0]
    async with watching(stalls):
        start, cpu = perf_counter(), thread_time()
        async with client.stream("GET", path) as reply:
            assert reply.status_code == 200
            async for _ in reply.aiter_raw(1):
                break
        return Look((perf_counter() - start) * 1000, max(stalls), (thread_time() - cpu) * 1000)


def least(looks: Sequence[Look]) -> Look:
    """The least of each figure: what disturbed the others was not ours."""
    return Look(*(min(values) for values in zip(*map(msgspec.structs.astuple, looks), strict=True)))


@pytest.mark.slow
async def test_a_page_of_ten_thousand_comes_within_100_ms_and_holds_nobody_up(
    api: Api, stage: Stage, owner: Looker
) -> None:
    for number in range(MANY):
        new = NewMonitor(
            org_id=1,
            name=f"{number * 7919 % MANY:05d} job",
            interval_s=3600,
            grace_s=300,
            origin="monitors",
            tags=("prod", f"team-{number % 50}") if number % 2 else (),
        )
        await monitors.create(api.book, new, LONG_AGO_MS)
    while await api.book.row("SELECT 1 FROM outbox"):
        await drain_outbox(api.live, api.book, everything=True)
    ids = [row["id"] for row in await api.book.rows("SELECT id FROM monitors WHERE id % 3 = 0")]
    for at in range(0, len(ids), 256):
        await stage.ping(*ids[at : at + 256])
    assert len(await owner.names("?page=100")) == 100

    anew: list[Look] = []
    for number in range(TRIES):
        await api.monitor(name=f"newcomer {number}", tags=["fresh"])
        anew.append(await look(owner.client, "/"))
    found = {"all read anew": least(anew)}
    for path in ("/", "/?q=42", "/?tag=prod", "/?sort=ping", "/?page=50", "/data/fleet"):
        found[path] = least([await look(owner.client, path) for _ in range(TRIES)])
    for what, one in found.items():
        print(
            f"{what:14} first byte {one.first_byte:.1f} ms, stall {one.longest_stall:.1f} ms, CPU {one.cpu:.1f} ms"
        )

    assert found["/"].first_byte < 100
    assert all(one.longest_stall < 25 for one in found.values())
