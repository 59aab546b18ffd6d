"""Calls in a thread: none is left behind by whoever was cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from store.book.threads import in_thread


async def test_the_result_and_the_error_of_a_call_are_its_callers() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.parametrize("times", [1, 2])
async def test_whoever_is_cancelled_waits_for_the_end_of_the_call(times: int) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        may_end.wait(10)
        ended.set()
        raise ValueError("which nobody asks for any more")

    task = asyncio.create_task(in_thread(call))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(times):
        task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
