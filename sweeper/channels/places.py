"""Places for what costs a process each: so many at once, of them so many for one channel, first come, first served."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Places:
    """Whoever hangs keeps its own places, and the others have the rest."""

    def __init__(self, at_once: int, of_one: int) -> None:
        self._at_once = at_once
        self._of_one = of_one
        self._taken: Counter[Hashable] = Counter()
        self._waiting: list[tuple[Hashable, asyncio.Future[None]]] = []

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
                self._leave(owner)
            self._let_in()
            raise
        try:
            yield
        finally:
            self._leave(owner)

    def _leave(self, owner: Hashable) -> None:
        self._taken -= Counter((owner,))
        self._let_in()

    def _let_in(self) -> None:
        still = []
        for owner, turn in self._waiting:
            if turn.done():
                continue
            if self._taken.total() < self._at_once and self._taken[owner] < self._of_one:
                self._taken[owner] += 1
                turn.set_result(None)
            else:
                still.append((owner, turn))
        self._waiting = still
