"""The commands that run one part each. `serve` starts them; by hand they serve for a part on a machine of its own."""

from __future__ import annotations

import asyncio
import re
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
from store.settings import MOST_WORKERS, Settings, read_settings


def _descriptors(context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    if not re.fullmatch(r"\d{1,7}(,\d{1,7})*", text):
        raise click.BadParameter(f"{text!r} is not a list of descriptors such as 5,6")
    return tuple(map(int, text.split(",")))


@click.command()
@click.option(
    "--fd",
    "fds",
    callback=_descriptors,
    metavar="N[,N…]",
    help="Descriptor of a listening socket, or one for each worker; without it, ingest binds its own.",
)
@click.option(
    "--worker",
    type=click.IntRange(0, MOST_WORKERS - 1),
    default=0,
    show_default=True,
    help="Which of several it is: it takes the writer slot <node>-<worker>.",
)
def ingest(fds: tuple[int, ...], worker: int) -> None:
    """Take pings and the admin API (a part of `serve`)."""
    if len(fds) > 1 and worker >= len(fds):
        raise click.BadParameter(f"there is no socket for worker {worker}", param_hint="--fd")
    settings = read_settings()
    own = fds[worker if len(fds) > 1 else 0] if fds else None
    neighbours = tuple(fd for fd in fds if fd != own)
    _run(ingest_name(worker, settings.workers), settings, "ingest.main:run", own, neighbours, worker)


@click.command()
def sweeper() -> None:
    """Notice silence and tell about it (a part of `serve`)."""
    _run("sweeper", read_settings(), "sweeper.main:run")


@click.command()
def recorder() -> None:
    """Write history to SQLite (a part of `serve`)."""
    _run("recorder", read_settings(), "store.recorder.main:run")


def ingest_name(worker: int, workers: int) -> str:
    """What an ingest process is called in logs and figures: by its number where there are several."""
    return "ingest" if workers == 1 and worker == 0 else f"ingest-{worker}"


def _run(name: str, read: Settings, path: str, *arguments: Any) -> None:
    settings = with_redis(read)
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
