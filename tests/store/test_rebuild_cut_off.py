"""A rebuild of several shards that is cut off, at whatever call, leaves none of them open: what is answered lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from store.book import installation
from store.live import streams
from store.live.connect import Argument
from store.live.fenced import FencedCaller
from store.live.live import Live
from store.rebuild import rebuild_if_empty
from tests.stage import CLOCK, GENERATION, Stage
from tests.store.library import Library, library_on

SHARDS = 3


class Died(BaseException):
    """The process has died: nothing of it runs any more but what Python itself takes down."""


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    async with library_on(stage, tmp_path) as library:
        for number in range(2 * SHARDS):
            await library.monitor(str(number), carry=False)
        yield library


@asynccontextmanager
async def several(stage: Stage, generation: str) -> AsyncIterator[Live]:
    live = Live(stage.live.url, SHARDS, generation, CLOCK)
    yield live
    await live.aclose()


def dying_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever rebuilds dies right after so many of its writes have reached Redis."""
    left = calls
    real_call, real_execute = FencedCaller.call, FencedCaller.execute

    async def counted(write: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal left
        reply = await write()
        left -= 1
        if not left:
            raise Died
        return reply

    async def call(self: FencedCaller, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        return await counted(lambda: real_call(self, name, keys, arguments))

    async def execute(self: FencedCaller, *commands: tuple[Argument, ...]) -> None:
        await counted(lambda: real_execute(self, *commands))

    monkeypatch.setattr(FencedCaller, "call", call)
    monkeypatch.setattr(FencedCaller, "execute", execute)


async def open_shards(live: Live) -> set[str | None]:
    return {await live.generation_of(shard) for shard in live.shards}


async def is_rebuilt_before(calls: int, live: Live, library: Library) -> bool:
    """Whether a rebuild came to its end with fewer writes than these."""
    with pytest.MonkeyPatch.context() as dying:
        dying_after(calls, dying)
        try:
            return await rebuild_if_empty(live, library.book, library.history)
        except Died:
            return False


@pytest.mark.parametrize("lost", ["all", "one"])
async def test_a_rebuild_that_is_cut_off_anywhere_leaves_no_shard_open(
    stage: Stage, library: Library, lost: str
) -> None:
    async with several(stage, GENERATION) as live:
        await rebuild_if_empty(live, library.book, library.history)
        for calls in count(1):
            if lost == "all":
                await stage.redis.flushall()
                await stage.redis.set("test-clock", stage.now_ms)
            else:
                await stage.redis.delete(live.shards[1].keys.generation)
            is_done = await is_rebuilt_before(calls, live, library)
            known = await installation.generation(library.book)
            assert await open_shards(live) in ({None}, {known})
            if is_done:
                break
            await rebuild_if_empty(live, library.book, library.history)
    assert calls > 3 * SHARDS
