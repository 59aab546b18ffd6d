"""Items of a batch that are handed to the intake together, and what each of them is while it waits."""

from __future__ import annotations

import asyncio

from ingest.waiting import Waiting
from store.beat import Beat
from store.live.heads import Outcome


class Portion:
    """Items that are handed over together; `left` counts down those without an outcome."""

    __slots__ = ("done", "left")

    def __init__(self) -> None:
        self.left = 0
        self.done = asyncio.get_running_loop().create_future()


class BatchedPing(Waiting):
    """One item of a batch; the last one of a portion wakes whoever waits for the portion."""

    __slots__ = (
        "arrival_ms",
        "beat",
        "door",
        "flags",
        "happened_ms",
        "key",
        "known",
        "looked_up",
        "outcome",
        "portion",
        "retry_after_s",
    )

    def __init__(self, key: str, flags: int, beat: Beat, door: int, portion: Portion) -> None:
        self.key = key
        self.flags = flags
        self.beat = beat
        self.door = door
        self.known = None
        self.looked_up = False
        self.retry_after_s = 0
        self.outcome: int = Outcome.UNAVAILABLE
        self.portion = portion

    def answer(self, outcome: int) -> None:
        self.outcome = outcome
        portion = self.portion
        portion.left -= 1
        if not portion.left and not portion.done.done():
            portion.done.set_result(None)
