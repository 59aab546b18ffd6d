"""`overdue import` of a list: makes many monitors, all lines checked first, and prints their ping URLs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from hashlib import sha256
from typing import IO

import msgspec

from overdue.config_book import open_config_book
from overdue.import_file import read_monitors
from overdue.printing import Line, base_url, print_lines
from overdue.progress import progress, say
from overdue.valkey import embedded_url
from store.book import imports, installation, orgs, plans
from store.book.database import ConfigBook
from store.book.imports import Import, Made
from store.book.monitors import NewMonitor
from store.book.outbox import OutboxRow
from store.clock import wall_ms
from store.errors import OverdueError, Unavailable
from store.live.live import Live
from store.settings import Settings, read_settings
from store.timestamps import rfc3339

# In one transaction: a tenth of a second, so that the API's own changes wait no longer for theirs.
AT_ONCE = 4096


async def import_list(content: bytes, org_name: str, output: IO[bytes], again: bool) -> None:
    """Make the monitors of a list, or those that an import of it that was cut off has left; print their ping URLs."""
    settings = read_settings()
    async with open_config_book(large=True) as book, aclosing(await _Carrier.open(book, settings)) as carrier:
        org = await orgs.by_name(book, org_name)
        plan = await plans.of_org(book, org.id)
        with progress(len(content), "Checking") as bar:
            monitors = read_monitors(content, org.id, plan, bar.update)
        digest = sha256(content).digest()
        one = await imports.find(book, org.id, digest)
        if one is None or (again and one.is_complete):
            await imports.check_room(book, org.id, len(monitors))
            one = await imports.begin(book, org.id, digest, len(monitors), wall_ms())
        printer = _Printer(output, settings)
        await _print_former(book, one, printer)
        if one.is_complete:
            say(f"This file was imported on {rfc3339(one.created_ms)}; --again imports it once more.")
            return
        await _make(book, one, monitors[one.done :], carrier, printer)
        say(f"Imported {len(monitors) - one.done:,} monitors into {org.name!r}.{carrier.excuse()}")


async def _print_former(book: ConfigBook, one: Import, printer: _Printer) -> None:
    """What an import that was cut off, or completed, had made."""
    if one.done and not one.is_complete:
        say(f"Going on after the first {one.done:,} of {one.lines:,} monitors.")
    for first_id, count in await imports.batches(book, one):
        printer.print(await imports.made(book, one, first_id, count))


async def _make(
    book: ConfigBook, one: Import, monitors: Sequence[NewMonitor], carrier: _Carrier, printer: _Printer
) -> None:
    """Batch after batch: make it, carry it to Redis, print it. What is printed is in config.db, whatever comes."""
    with progress(len(monitors), "Importing") as bar:
        for at in range(0, len(monitors), AT_ONCE):
            some = monitors[at : at + AT_ONCE]
            try:
                batch = await imports.add(book, one, some, wall_ms())
            except OverdueError as error:
                say(f"Imported {one.done:,} of {one.lines:,} monitors; start it again to go on from here.")
                raise error
            one = msgspec.structs.replace(one, done=one.done + len(some))
            printer.print(batch.made)
            await carrier.carry(batch.changes)
            bar.update(len(some))


class _Carrier:
    """Carries what was made to Redis. If that is away, Overdue itself does so as soon as both run.

    What was carried stays in the outbox for some seconds, as the API's changes do (see `store/keeping.py`).
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._away: Unavailable | None = None

    @classmethod
    async def open(cls, book: ConfigBook, settings: Settings) -> _Carrier:
        installed = await installation.read(book)
        url = settings.redis_url or embedded_url(settings.data)
        return cls(Live(url, installed.shards, installed.generation))

    async def carry(self, changes: Sequence[OutboxRow]) -> None:
        try:
            for change in changes if self._away is None else ():
                await self._live.project(change.projection)
        except Unavailable as away:
            self._away = away

    def excuse(self) -> str:
        """Why they are not watched yet, as a further sentence; nothing if they are."""
        return f" They will be watched when Overdue runs ({self._away})." if self._away else ""

    async def aclose(self) -> None:
        await self._live.aclose()


class _Printer:
    """Prints monitors that were made."""

    def __init__(self, output: IO[bytes], settings: Settings) -> None:
        self._output = output
        self._base = f"{base_url(settings)}/ping/"

    def print(self, made: Sequence[Made]) -> None:
        print_lines(
            self._output, [Line(str(one.public_id), one.name, self._base + one.token) for one in made]
        )
