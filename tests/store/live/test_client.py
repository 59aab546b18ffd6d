"""The client loses no cancellation, in whichever moment of a call it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

import pytest
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from store.live.connect import open_client
from tests.stage import Stage

# A call takes fewer turns of the loop than that, so that each moment of one is tried, and some of the next.
MOMENTS = 60


async def one_command(client: aioredis.Redis) -> None:
    await client.get("nothing")


async def one_pipeline(client: aioredis.Redis) -> None:
    pipe = client.pipeline(transaction=False)
    pipe.get("nothing")
    pipe.get("nothing")
    await pipe.execute()


async def one_watched(client: aioredis.Redis) -> None:
    async with client.pipeline(transaction=True) as pipe:
        await pipe.watch("nothing")
        await pipe.get("nothing")


@pytest.mark.parametrize("call", [one_command, one_pipeline, one_watched])
async def test_who_calls_again_and_again_ends_when_told_to_whenever_that_is(
    stage: Stage, call: Callable[[aioredis.Redis], Awaitable[None]]
) -> None:
    async with open_client(stage.live.url) as client:
        await call(client)
        assert await goes_on(lambda: call(client)) == []


async def test_so_does_who_calls_a_server_that_hangs_up_all_the_time() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while (data := await reader.read(65_536)) and b"GET" not in data:
                writer.write(b"+OK\r\n" * data.count(b"*"))
            writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_client(f"redis://127.0.0.1:{port}") as client:

            async def failing() -> None:
                with suppress(RedisError, OSError):
                    await client.get("nothing")

            assert await goes_on(failing) == []


async def goes_on(call: Callable[[], Awaitable[None]]) -> list[int]:
    """Told to end after how many turns of the loop somebody who calls again and again goes on."""

    async def for_ever() -> None:
        while True:
            await call()

    found = []
    for moment in range(MOMENTS):
        task = asyncio.create_task(for_ever())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)
        if not task.cancelled():
            found.append(moment)
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
    return found


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
