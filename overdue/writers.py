"""`overdue writers`: who listens for pings, and how to go on without one who is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from overdue.parts import with_redis
from store.errors import Invalid, NotFound, Unavailable
from store.fault_points import reach
from store.live.live import Live
from store.live.writers import SILENT_MS, Dropped, Dropping, Registered, drop_writer, registered
from store.settings import Settings, read_settings


@click.group()
def writers() -> None:
    """See which ingest processes listen, and release one that is stuck and holds the clock."""


@writers.command("list")
def list_writers() -> None:
    """Show all writer slots: name, when it was heard last, state."""
    for name, silent_ms in asyncio.run(_list(with_redis(read_settings()))).items():
        click.echo("\t".join((name, _ago(silent_ms), _state(silent_ms))))


@writers.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Also one that is heard.")
def drop(name: str, force: bool) -> None:
    """Release a writer that holds the clock; the time since it was heard becomes blind."""
    unheard_ms = asyncio.run(_drop(with_redis(read_settings()), name, 0 if force else SILENT_MS))
    click.echo(
        f"{name} is released: it holds the clock no longer, and the {unheard_ms / 1000:.1f} s since it was heard are "
        "blind, so that nobody is called dead for them.\n"
        "If its process is still there, end it: clients that are connected to it are not heard."
    )


async def _list(settings: Settings) -> dict[str, int | None]:
    """How long each has been silent, in the shard where that is longest; None: its record cannot be read."""
    async with _open_live(settings) as live:
        return longest_silences(await registered(live.shards))


async def _drop(settings: Settings, name: str, silent_ms: int) -> int:
    """How long it had been silent.

    Raises:
        NotFound: there is no such writer.
        Invalid: it is heard.
    """
    async with _open_live(settings) as live:
        dropped = []
        for shard in live.shards:
            dropped.append(await drop_writer(shard, name, silent_ms))
            reach("writers.dropped")
        if all(one.what is Dropping.NOT_THERE for one in dropped):
            raise NotFound(_nobody(name, await registered(live.shards)))
    return _unheard_ms(name, dropped)


def _unheard_ms(name: str, dropped: list[Dropped]) -> int:
    released = [one.unheard_ms for one in dropped if one.what is Dropping.DROPPED]
    if not released:
        ago_s = max(one.unheard_ms for one in dropped) / 1000
        raise Invalid(
            f"{name} was heard {ago_s:.1f} s ago and holds nothing up; --force releases it all the same"
        )
    return max(released)


def longest_silences(found: list[Registered]) -> dict[str, int | None]:
    """By slot, over all shards."""
    silences: dict[str, int | None] = {}
    for one in found:
        former = silences.get(one.slot, 0)
        unreadable = former is None or one.silent_ms is None
        silences[one.slot] = None if unreadable else max(former or 0, one.silent_ms or 0)
    return silences


@asynccontextmanager
async def _open_live(settings: Settings) -> AsyncIterator[Live]:
    live = Live(settings.redis_url, settings.shards, "")
    try:
        if not await live.follow_generation():
            raise Unavailable("Redis holds no installation; start `overdue serve` first")
        yield live
    finally:
        await live.aclose()


def _ago(silent_ms: int | None) -> str:
    return "cannot be read" if silent_ms is None else f"heard {silent_ms / 1000:.1f} s ago"


def _state(silent_ms: int | None) -> str:
    return "listens" if silent_ms is not None and silent_ms < SILENT_MS else "holds the clock"


def _nobody(name: str, found: list[Registered]) -> str:
    names = ", ".join(longest_silences(found)) or "none"
    return f"there is no writer {name}; registered: {names}"
