"""Places for what costs a process or a connection each: so many at once, of them so many for one channel.

First come, first served. Who holds a place for long does not count among the others any more, up to as many again: a
crowd that hangs holds up others for a second, and not until its attempts are over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

SLOW_FROM_S = 1.0


class Places:
    """Whoever hangs keeps its own places, and the others have the rest."""

    def __init__(self, at_once: int, of_one: int) -> None:
        self._at_once = at_once
        self._of_one = of_one
        self._taken: Counter[Hashable] = Counter()
        self._waiting: list[tuple[Hashable, asyncio.Future[None]]] = []
        # The places of those that have not had them for long.
        self._young: dict[asyncio.Future[None], asyncio.TimerHandle] = {}

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def one_for(self, owner: Hashable) -> AsyncIterator[None]:
        """Hold a place; waits until there is one."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((owner, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            # It may have been let in at the same moment.
            if turn.done() and not turn.cancelled():
                self._leave(owner, turn)
            self._let_in()
            raise
        try:
            yield
        finally:
            self._leave(owner, turn)

    def _leave(self, owner: Hashable, turn: asyncio.Future[None]) -> None:
        self._taken -= Counter((owner,))
        self._grow_old(turn)

    def _grow_old(self, turn: asyncio.Future[None]) -> None:
        if (timer := self._young.pop(turn, None)) is not None:
            timer.cancel()
        self._let_in()

    def _is_free(self, owner: Hashable) -> bool:
        is_one_free = len(self._young) < self._at_once and self._taken.total() < 2 * self._at_once
        return is_one_free and self._taken[owner] < self._of_one

    def _let_in(self) -> None:
        still = []
        for owner, turn in self._waiting:
            if turn.done():
                continue
            if self._is_free(owner):
                self._taken[owner] += 1
                later = asyncio.get_running_loop().call_later(SLOW_FROM_S, self._grow_old, turn)
                self._young[turn] = later
                turn.set_result(None)
            else:
                still.append((owner, turn))
        self._waiting = still
