"""A ping that waits for its answer: what the batcher and the resolver know of it, whoever waits."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from ingest.keyring import KnownKey
from store.beat import Beat
from store.live.heads import Outcome


class Waiting(ABC):
    """One ping between its door and its batch. `arrival_ms` is Redis time as estimated when it arrived, `happened_ms`
    when it was sent: the same, unless a relay said otherwise.

    `door` is the number of the door in the table of doors; `looked_up` says that its key was just read from Redis;
    `retry_after_s` is set when it is limited. Who waits says in `answer` what happens then.
    """

    key: str
    known: KnownKey | None
    arrival_ms: int
    happened_ms: int
    flags: int
    beat: Beat
    door: int
    looked_up: bool
    retry_after_s: int

    @abstractmethod
    def answer(self, outcome: int) -> None:
        """The ping's outcome is known; called once."""

    def refuse(self) -> None:
        """Answer that nothing was promised (503)."""
        self.answer(Outcome.UNAVAILABLE)


class AwaitedPing(Waiting):
    """A ping whose outcome is awaited as `future`."""

    __slots__ = (
        "arrival_ms",
        "beat",
        "door",
        "flags",
        "future",
        "happened_ms",
        "key",
        "known",
        "looked_up",
        "retry_after_s",
    )

    def __init__(self, key: str, flags: int, beat: Beat, door: int, future: asyncio.Future[int]) -> None:
        self.key = key
        self.known = None
        self.arrival_ms = self.happened_ms = 0
        self.flags = flags
        self.beat = beat
        self.door = door
        self.future = future
        self.looked_up = False
        self.retry_after_s = 0

    def answer(self, outcome: int) -> None:
        """Wake whoever waits; a client that has gone is not an error."""
        if not self.future.done():
            self.future.set_result(outcome)
