"""What every check has before it: the book, the live side and the log of deliveries of one installation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from store.book import outbox
from store.book.database import CONFIG_DB, ConfigBook
from store.book.history_reader import HISTORY_DB
from store.book.letter_reader import LetterReader
from store.book.outbox import OutboxRow
from store.live.keys import shard_of
from store.live.live import Live
from store.live.shard import Shard
from store.settings import Settings


class Desk(msgspec.Struct, frozen=True):
    """All sides of what is compared."""

    book: ConfigBook
    live: Live
    letters: LetterReader

    def home(self, monitor_id: int) -> Shard:
        return self.live.shards[shard_of(monitor_id, len(self.live.shards))]

    async def carry(self, change: OutboxRow | None) -> None:
        """Carry a change of ours to Redis and settle it at once, or the next look would take it for one on its way."""
        if change is not None:
            await self.live.project(change.projection)
            await outbox.settle(self.book, [change.id])


@asynccontextmanager
async def open_desk(settings: Settings, url: str) -> AsyncIterator[Desk]:
    """The books and the Redis of an installation that is there.

    Raises:
        Unavailable: one of them is away.
    """
    async with await ConfigBook.open(settings.data / CONFIG_DB) as book:
        live = Live(url, settings.shards, "")
        try:
            await live.follow_generation()
            yield Desk(book, live, LetterReader(settings.data / HISTORY_DB))
        finally:
            await live.aclose()
