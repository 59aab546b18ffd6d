"""Books whose transactions are not their own alone: a step is taken in the same one, or it belongs to somebody else.

Whoever changes something is handed one of these in the place of the book, and need not know.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from sqlite3 import Row

from store.book.database import ConfigBook, SqlValue, Transaction

Step = Callable[[Transaction], Awaitable[None]]


class SteppedBook(ConfigBook):
    """In each write transaction `before` goes first and `after` last; what either of them raises undoes it all.

    `before` has been heeded when one transaction is committed: who asks for a second one has changed something itself.
    """

    def __init__(self, book: ConfigBook, *, before: Step | None = None, after: Step | None = None) -> None:
        self._book = book
        self._before = before
        self._after = after

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        async with self._book.write() as tx:
            if self._before is not None:
                await self._before(tx)
            yield tx
            if self._after is not None:
                await self._after(tx)
        self._before = None

    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Row]:
        return await self._book.rows(sql, parameters)


class JoinedBook(ConfigBook):
    """All changes belong to one transaction, which whoever opened it commits or gives up. What was changed is seen."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        yield self._tx

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """What is raised within undoes what was changed within, and no more."""
        await self._tx.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            await self._tx.execute("ROLLBACK TO attempt")
            raise
        finally:
            await self._tx.execute("RELEASE attempt")

    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Row]:
        return await self._tx.rows(sql, parameters)
