"""Both books of one installation and the stage's Redis, which belong together from the start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec

from store.book import channels, installation, monitors, orgs, outbox
from store.book.channels import NewChannel
from store.book.database import CONFIG_DB, ConfigBook
from store.book.history_reader import HISTORY_DB, HistoryReader
from store.book.monitors import MonitorChanges, MonitorRow, NewMonitor
from store.book.outbox import OutboxRow
from tests.stage import GENERATION, ORG, START_MS, Stage
from tests.store.recorder.desk import Desk, ping, row_of

NOW_MS = START_MS


class Library:
    """What was asked for and what was true. Changes go to Redis at once, unless the test carries them itself."""

    def __init__(self, stage: Stage, book: ConfigBook, folder: Path) -> None:
        self.stage = stage
        self.book = book
        self.history = HistoryReader(folder / HISTORY_DB)
        self.desk = Desk(stage, folder / HISTORY_DB)

    async def monitor(self, name: str = "job", *, carry: bool = True) -> MonitorRow:
        new = NewMonitor(org_id=ORG, name=name, interval_s=30, grace_s=10, origin="monitors")
        row, change = await monitors.create(self.book, new, NOW_MS)
        await self._carry(change, carry)
        return row

    async def change(self, monitor: MonitorRow, *, carry: bool = True, **changed: object) -> MonitorRow:
        changes = msgspec.convert(changed, MonitorChanges)
        row, change = await monitors.change(self.book, ORG, public_id(monitor), changes, NOW_MS)
        if change is not None:
            await self._carry(change, carry)
        return row

    async def channel(self, *, carry: bool = True) -> int:
        new = NewChannel(org_id=ORG, type="webhook", name="ops", settings=b'{"url":"u"}')
        row, change = await channels.create(self.book, new, NOW_MS)
        await self._carry(change, carry)
        return row.id

    async def pings(self, *monitors: MonitorRow) -> None:
        """These monitors ping now, and it is recorded."""
        now_s = (self.stage.now_ms - START_MS) / 1000
        await ping(self.stage, *(row_of(one.config.id, now_s) for one in monitors))
        await self.desk.step()

    async def _carry(self, change: OutboxRow, carry: bool) -> None:
        if carry:
            await self.stage.live.project(change.projection)
            await outbox.settle(self.book, [change.id])


def public_id(monitor: MonitorRow) -> UUID:
    return monitor.config.public_id


@asynccontextmanager
async def library_on(stage: Stage, folder: Path) -> AsyncIterator[Library]:
    """Books whose installation the stage's Redis holds."""
    async with await ConfigBook.open(folder / CONFIG_DB) as book:
        async with book.write() as tx:
            await installation.insert(tx, len(stage.live.shards), NOW_MS)
        await installation.set_generation(book, GENERATION)
        assert (await orgs.create(book, "ours", NOW_MS)).id == ORG
        library = Library(stage, book, folder)
        try:
            yield library
        finally:
            await library.desk.crash()
