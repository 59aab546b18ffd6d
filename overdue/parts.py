"""The commands that run one part each. `serve` starts them; by hand they serve for a part on a machine of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import click
import msgspec

from overdue.lazy import load
from overdue.valkey import embedded_url
from store.errors import SettingError
from store.live.server import feel_pulse
from store.part import Part, run_part
from store.settings import Settings, read_settings


@click.command()
@click.option("--fd", type=int, help="Descriptor of a listening socket; without it, ingest binds its own.")
def ingest(fd: int | None) -> None:
    """Take pings and the admin API (a part of `serve`)."""
    _run("ingest", "ingest.main:run", fd)


@click.command()
def sweeper() -> None:
    """Notice silence and tell about it (a part of `serve`)."""
    _run("sweeper", "sweeper.main:run")


@click.command()
def recorder() -> None:
    """Write history to SQLite (a part of `serve`)."""
    _run("recorder", "store.recorder.main:run")


def _run(name: str, path: str, *arguments: Any) -> None:
    settings = with_redis(read_settings())
    run: Callable[..., Awaitable[None]] = load(path)

    def main(part: Part) -> Awaitable[None]:
        return run(settings, part, *arguments)

    sys.exit(run_part(name, main))


def with_redis(settings: Settings) -> Settings:
    """The settings with the URL of the server in use: the one that is set, else the embedded one if it runs.

    Raises:
        SettingError: no server is set and the embedded one does not answer.
    """
    if settings.redis_url:
        return settings
    url = embedded_url(settings.data)
    if asyncio.run(feel_pulse(url)) is None:
        raise SettingError(
            "OVERDUE_REDIS_URL",
            f"no server is named, and the embedded one of {settings.data} does not run; "
            "start `overdue serve` first, or name a server",
        )
    return msgspec.structs.replace(settings, redis_url=url)
