"""`overdue import` of a file of configuration: all of it in one transaction, or nothing, and what that changes said."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import IO, Any

import click
import msgspec

from ingest.api.within import Within
from overdue.as_file.applying import Applying
from overdue.as_file.changes import summary
from overdue.as_file.reading import Fleet, read, said
from overdue.config_book import open_config_book
from overdue.printing import Line, base_url, print_lines
from overdue.progress import progress, say
from overdue.valkey import embedded_url
from store.book import installation, orgs, plans
from store.book.database import ConfigBook, Transaction
from store.book.joined import JoinedBook
from store.clock import wall_ms
from store.errors import Invalid, Unavailable
from store.live.live import Live
from store.settings import Settings, read_settings

COMPLAINTS_SHOWN = 100
# The exit code of a dry run that found something to do; 1 and 2 are errors.
WOULD_CHANGE = 3


class Wanted(msgspec.Struct, frozen=True):
    """How somebody wants a file to be imported; `file` is what it is called."""

    file: str
    org: str
    prune: bool
    dry_run: bool


class _DryRun(Exception):
    """Undoes what was only tried."""


async def import_configuration(content: bytes, wanted: Wanted, output: IO[bytes] | None) -> None:
    """Make an organisation what a file says.

    1. Do all of it in a transaction, as nothing else tells for sure what the API would take.
    2. Undo it, if something is refused, or if it is a dry run; else it is committed.
    3. Say what it changed.
    4. Carry it to Redis. If that is away, whoever drains the outbox does so later.

    Raises:
        Invalid: the file asks for what cannot be; all of that is named, and nothing is changed.
    """
    settings = read_settings()
    try:
        fleet = read(content)
    except Invalid as error:
        raise Invalid(f"{wanted.file}: {error}") from error
    async with open_config_book(large=True) as book:
        applying, within = await _apply(book, fleet, wanted, settings)
        changes = applying.putting.changes
        for line in (line for change in changes for line in change.lines()):
            click.echo(line)
        excuse = "" if wanted.dry_run else await _carry(book, within, settings)
        for name in applying.putting.drawn:
            say(_drawn(name, wanted))
        say(summary(changes, not wanted.dry_run) + excuse)
    if output is not None and not wanted.dry_run:
        made = applying.putting.made
        print_lines(output, [Line(one["id"], one["name"], one["pingUrl"]) for one in made])
    if wanted.dry_run and changes:
        sys.exit(WOULD_CHANGE)


async def _apply(
    book: ConfigBook, fleet: Fleet, wanted: Wanted, settings: Settings
) -> tuple[Applying, Within]:
    found: list[tuple[Applying, Within]] = []
    with progress(_size(fleet), "Importing") as bar:
        try:
            async with book.write() as tx:
                found.append(await _applied(tx, fleet, wanted, settings, bar))
                if found[0][0].complaints:
                    raise Invalid(_report(wanted.file, found[0][0].complaints))
                if wanted.dry_run:
                    raise _DryRun
        except _DryRun:
            pass
    return found[0]


async def _applied(
    tx: Transaction, fleet: Fleet, wanted: Wanted, settings: Settings, bar: Any
) -> tuple[Applying, Within]:
    org = await orgs.by_name(tx, wanted.org)
    plan = await plans.of_org(tx, org.id)
    reached = msgspec.structs.replace(settings, base_url=base_url(settings))
    book = JoinedBook(tx)
    within = Within(book, org.id, plan, reached, wall_ms())
    applying = Applying(within, plan, book.attempt, bar.update)
    await applying.apply(fleet, wanted.prune)
    return applying, within


async def _carry(book: ConfigBook, within: Within, settings: Settings) -> str:
    """Carry what was committed to Redis; its rows stay in the outbox. Why it could not, as a further sentence."""
    if not within.told:
        return ""
    installed = await installation.read(book)
    url = settings.redis_url or embedded_url(settings.data)
    async with aclosing(Live(url, installed.shards, installed.generation)) as live:
        try:
            with progress(len(within.told), "Carrying") as bar:
                for projection in within.told:
                    await live.project(projection)
                    bar.update(1)
        except Unavailable as away:
            return f" It will be in force when Overdue runs ({away})."
    return ""


def _size(fleet: Fleet) -> int:
    monitors = fleet.monitors or ()
    return len(fleet.channels or ()) + len(monitors) + sum(len(one.rules) for one in monitors)


def _drawn(channel: str, wanted: Wanted) -> str:
    if wanted.dry_run:
        return f"A signing secret would be drawn for the channel {said(channel)}."
    shown = "`overdue export --with-secrets` shows it"
    return f"A signing secret was drawn for the channel {said(channel)}; {shown}."


def _report(file: str, complaints: list[str]) -> str:
    shown = complaints[:COMPLAINTS_SHOWN]
    if more := len(complaints) - len(shown):
        shown = [*shown, f"and {more} more"]
    things = "thing" if len(complaints) == 1 else "things"
    head = f"{file}: {len(complaints)} {things} cannot be, so nothing was changed:"
    return "\n  ".join([head, *shown])
