"""`overdue restore`: starts a data folder from a backup. What was there before is moved aside, never deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from overdue.archive import DATABASES, NAMES, unpacked
from overdue.lock import claim
from overdue.orphan import stop_orphan
from store.book import installation, session_secret
from store.book.check import find_problems
from store.book.database import CONFIG_DB, ConfigBook
from store.clock import wall_ms
from store.errors import Invalid, Unavailable
from store.settings import Settings, read_settings

# What SQLite keeps beside a database. Left in place, it would be applied to the file that comes instead.
COMPANIONS = ("-wal", "-shm", "-journal")
VALKEY_FILES = "appendonlydir"


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Move the databases that are there aside.")
def restore(source: Path, replace: bool) -> None:
    """Start from the backup SOURCE; `serve` must not run."""
    settings = read_settings()
    aside = asyncio.run(_restore(settings, source, replace))
    click.echo(f"Restored {source} to {settings.data}. Start it with `overdue serve`.")
    if aside:
        click.echo(f"What was there before is in {aside}.")
    if settings.redis_url:
        click.echo(
            "Empty the server that OVERDUE_REDIS_URL names before that: it holds what was true until now."
        )


async def _restore(settings: Settings, source: Path, replace: bool) -> Path | None:
    """Put a backup in place; the folder of what had to make room, if anything had.

    1. Claim the folder, so that no `serve` runs or starts meanwhile.
    2. Unpack beside it and let SQLite check the databases; up to here nothing has changed.
    3. Move aside what is there: databases, key, the embedded Valkey's files.
    4. Move the new files into place, the configuration last: without it there is nothing to start on.
    5. Draw a new generation. A Redis that still holds the former state is then known not to hold this one.
    6. Draw another session secret. A cookie names a key by its number, and numbers that were given after the backup
    are given again: it would open somebody else's session.

    Raises:
        SettingError: the folder is in use.
        Invalid: the archive is bad, or databases are there and must not be replaced.
        Unavailable: files cannot be moved.
    """
    data = settings.data
    with claim(data), unpacked(source, data) as fresh:
        _check(fresh, source)
        there = [name for name in DATABASES if (data / name).exists()]
        if there and not replace:
            raise Invalid(f"{data} holds {' and '.join(there)} already; --replace moves them aside")
        await stop_orphan(data, click.echo)
        try:
            aside = _move_aside(data)
            for name in sorted(NAMES, key=lambda name: name == CONFIG_DB):
                if (fresh / name).exists():
                    (fresh / name).replace(data / name)
        except OSError as error:
            raise Unavailable(f"the files in {data} cannot be moved: {error}") from error
        async with await ConfigBook.open(data / CONFIG_DB) as book:
            await installation.set_generation(book, installation.draw_generation())
            await session_secret.redraw(book)
        return aside


def _check(fresh: Path, source: Path) -> None:
    for name in DATABASES:
        problems = find_problems(fresh / name) if (fresh / name).exists() else []
        if problems:
            raise Invalid(f"the {name} in {source} is damaged: {problems[0]}")


def _move_aside(data: Path) -> Path | None:
    in_the_way = [data / name for name in NAMES]
    in_the_way += [data / f"{name}{companion}" for name in DATABASES for companion in COMPANIONS]
    in_the_way.append(data / VALKEY_FILES)
    moving = [path for path in in_the_way if path.exists()]
    if not moving:
        return None
    aside = data / f"replaced-{wall_ms()}"
    aside.mkdir(mode=0o700)
    for path in moving:
        path.replace(aside / path.name)
    return aside
