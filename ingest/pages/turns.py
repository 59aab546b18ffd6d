"""Long work on the event loop that answers pings: in short slices, with a turn for everybody else in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from store.clock import monotonic_ms

STEP = 1000
SLICE_MS = 2


async def slices(count: int) -> AsyncIterator[range]:
    """The numbers below `count`, so many at a time; whoever waits has a turn after each of them."""
    for start in range(0, count, STEP):
        yield range(start, min(count, start + STEP))
        await asyncio.sleep(0)


async def sort_in_turns(numbers: Sequence[int], keys: Sequence[Any]) -> list[int]:
    """The numbers in the order of their keys; those with equal keys stay as they are.

    Short runs are sorted, then merged two by two: sorting what consists of two runs is one pass for list.sort. No pair
    is made of a number and its key, because the garbage collector would look at every one of them.
    """
    of = keys.__getitem__
    runs = [sorted(numbers[part.start : part.stop], key=of) async for part in slices(len(numbers))]
    while len(runs) > 1:
        merged = [sorted([*runs[at], *runs[at + 1]], key=of) async for at in _pairs(len(runs))]
        runs = merged + runs[len(merged) * 2 :]
    return runs[0] if runs else []


async def join_in_turns(pieces: Iterable[str]) -> str:
    """Pieces that take their time to come, as one text."""
    texts: list[str] = []
    since_ms = monotonic_ms()
    for piece in pieces:
        texts.append(piece)
        if monotonic_ms() - since_ms >= SLICE_MS:
            await asyncio.sleep(0)
            since_ms = monotonic_ms()
    return "".join(texts)


async def _pairs(count: int) -> AsyncIterator[int]:
    for at in range(0, count - 1, 2):
        yield at
        await asyncio.sleep(0)
