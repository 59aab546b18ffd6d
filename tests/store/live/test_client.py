"""The client loses no cancellation, in whichever moment of a call it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis import asyncio as aioredis

from store.live.connect import open_client
from tests.stage import Stage

# A call takes fewer turns of the loop than that, so that each moment of one is tried, and some of the next.
MOMENTS = 40


async def one_command(client: aioredis.Redis) -> None:
    await client.get("nothing")


async def one_pipeline(client: aioredis.Redis) -> None:
    pipe = client.pipeline(transaction=False)
    pipe.get("nothing")
    pipe.get("nothing")
    await pipe.execute()


@pytest.mark.parametrize("call", [one_command, one_pipeline])
async def test_who_calls_again_and_again_ends_when_told_to_whenever_that_is(
    stage: Stage, call: Callable[[aioredis.Redis], Awaitable[None]]
) -> None:
    async with open_client(stage.live.url) as client:
        await call(client)

        async def for_ever() -> None:
            while True:
                await call(client)

        for moment in range(MOMENTS):
            task = asyncio.create_task(for_ever())
            for _ in range(moment):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task}, timeout=0.5)
            ended = task.cancelled()
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=0.1)
            assert ended, f"told to end after {moment} turns of the loop, it went on"


async def test_who_was_told_to_end_may_still_tidy_up(stage: Stage) -> None:
    async with open_client(stage.live.url) as client:
        tidied = []

        async def waits() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                tidied.append(await client.set("tidied", "1"))
                raise

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() and tidied == [True]
