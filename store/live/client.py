"""redis-py's client, made to lose no cancellation.

redis-py sends every command under `asyncio.wait_for`, and before Python 3.12 that function forgets a cancellation that
comes in the moment in which the sending has ended (https://github.com/python/cpython/issues/86296): the call returns
its reply, or its error, as if nobody had asked it to stop. A loop that was told to end once would run on for ever, and
a bound in seconds around it would bind nothing. So each call looks at its end whether it was cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import asyncio as aioredis
from redis.asyncio.client import Pipeline


class Client(aioredis.Redis):
    """A client with a pool, whose every call ends with CancelledError if its task was cancelled meanwhile."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py has it."""
        with _heeding_cancellation():
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """As redis-py has it."""
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class _Pipeline(Pipeline):
    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        with _heeding_cancellation():
            return await super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        with _heeding_cancellation():
            return await super().execute(raise_on_error)

    async def reset(self) -> None:  # type: ignore[override]
        with _heeding_cancellation():
            await super().reset()  # type: ignore[no-untyped-call]


@contextmanager
def _heeding_cancellation() -> Iterator[None]:
    """A task that was cancelled before may make calls while it ends: only a cancellation that is new counts.

    It counts for more than whatever else went wrong.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError
