"""Waiting for a condition, and never for a length of time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PAUSE_S = 0.02


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    """Returns when the condition holds; fails after `seconds`."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + seconds
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(PAUSE_S)
            if (
                loop.time() > until_s
            ):  # whatever was asked for has swallowed the cancellation, which comes once
                raise TimeoutError
