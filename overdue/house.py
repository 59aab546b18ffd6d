"""`overdue serve`, second half: the parts are started in order, kept alive, and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping

import click
import msgspec

from overdue.leftover import release_leftovers
from overdue.listen import reachable_host
from overdue.orphan import stop_orphan
from overdue.parts import ingest_name
from overdue.ready import open_client, what_is_missing
from overdue.signals import StopSignals, done_before
from overdue.supervisor import Child, Command
from overdue.tally import count_death
from overdue.valkey import embedded_url, find_binary, prepare_files, wait_until_loaded
from overdue.welcome import Welcome
from store.book.bootstrap import prepare
from store.clock import monotonic_ms
from store.live.server import check_server
from store.part import LIFELINE
from store.settings import Settings

# -P: a folder called `store` or `ingest` in the working directory must not be taken for ours.
PROGRAM = (sys.executable, "-P", "-m", "overdue")

READY_BOUND_MS = 30_000
LOOK_EVERY_S = 0.1
FORCED = 130

# Seconds after the order to stop by which each has to be gone; together under the ten that are promised.
INGEST_GONE_S = 4.0
OTHERS_GONE_S = 7.0
VALKEY_GONE_S = 9.5

_log = logging.getLogger(__name__)


async def keep_house(
    settings: Settings,
    listeners: tuple[socket.socket, ...],
    parts_lock: int,
    program: tuple[str, ...] = PROGRAM,
) -> int:
    """Run everything until a signal says stop; the exit code.

    Raises:
        SettingError: the start is not possible with these settings.
    """
    signals = StopSignals()
    signals.listen()
    house = House(settings, listeners, parts_lock, program)
    try:
        if await done_before(signals.stop, house.start()):
            await signals.stop.wait()
        _log.info("stopping; a second Ctrl-C forces")
    finally:
        in_order = await done_before(signals.force, house.stop())
        if not in_order:
            _log.warning("forced: killing what is left")
            await house.kill()
    return 0 if in_order else FORCED


class House:
    """All processes of one installation on this machine."""

    def __init__(
        self,
        settings: Settings,
        listeners: tuple[socket.socket, ...],
        parts_lock: int,
        program: tuple[str, ...],
    ) -> None:
        self._settings = settings
        self._program = program
        self._listeners = listeners
        self._parts_lock = parts_lock
        self._valkey: Child | None = None
        self._ingest: list[Child] = []
        self._others: list[Child] = []
        self._stopping = asyncio.Event()
        self._releasing: asyncio.Task[None] | None = None
        # Nobody ever writes to this pipe. Its end is how the parts learn that this process is gone.
        self._lifeline, self._held_end = os.pipe()

    async def start(self) -> None:
        """Valkey before all, as everything needs it; the book next, as it says what the parts are to do."""
        url = self._settings.redis_url or await self._start_valkey()
        server = await check_server(url)
        settings = msgspec.structs.replace(self._settings, redis_url=url)
        prepared = await prepare(settings)
        self._start_parts(url)
        self._releasing = asyncio.create_task(release_leftovers(settings, self._stopping))
        address = self._address()
        await _until_ready(address)
        welcome = Welcome(
            address=address,
            server=server if self._settings.redis_url else f"{server}, embedded",
            data=self._settings.data,
            new_key=prepared.admin_key if prepared.created else "",
        )
        click.echo(welcome.text())

    async def stop(self) -> None:
        """Ingest first, so that nothing new is promised; then those who work off what it took; Valkey last."""
        began_ms = monotonic_ms()

        def left_s(gone_s: float) -> float:
            return gone_s - (monotonic_ms() - began_ms) / 1000

        for listener in self._listeners:
            listener.close()
        self._stopping.set()
        await asyncio.gather(*(child.stop(left_s(INGEST_GONE_S)) for child in self._ingest))
        await asyncio.gather(*(child.stop(left_s(OTHERS_GONE_S)) for child in self._others))
        if self._releasing is not None:
            await asyncio.wait([self._releasing], timeout=left_s(OTHERS_GONE_S))
        if self._valkey is not None:
            await self._valkey.stop(left_s(VALKEY_GONE_S))

    async def kill(self) -> None:
        """End everything at once. What was answered is safe: Valkey writes before it answers."""
        children = [*self._ingest, *self._others, *([self._valkey] if self._valkey else [])]
        for child in children:
            child.kill()
        await asyncio.gather(*(child.stop(1) for child in children))

    async def _start_valkey(self) -> str:
        settings = self._settings
        await stop_orphan(settings.data, _log.info)
        configuration = prepare_files(settings.data, settings.redis_maxmemory)
        argv = (str(find_binary()), str(configuration))
        self._valkey = Child(Command(name="valkey", argv=argv, environ=os.environ), count_death)
        self._valkey.start()
        url = embedded_url(settings.data)
        valkey = self._valkey
        await wait_until_loaded(url, lambda: valkey.deaths > 0, settings.data, _log.info)
        return url

    def _start_parts(self, url: str) -> None:
        """As many ingest processes as are set, each given the sockets of all; a sweeper; a recorder."""
        environ: Mapping[str, str] = {**os.environ, "OVERDUE_REDIS_URL": url, LIFELINE: str(self._lifeline)}
        shared = (self._lifeline, self._parts_lock)
        listening = tuple(dict.fromkeys(listener.fileno() for listener in self._listeners))

        def start(part: str, name: str, descriptors: tuple[int, ...], *options: str) -> Child:
            argv = (*self._program, part, *options)
            command = Command(name=name, argv=argv, environ=environ, descriptors=descriptors)
            child = Child(command, count_death)
            child.start()
            return child

        workers = self._settings.workers
        for worker in range(workers):
            options = ("--fd", ",".join(map(str, listening)), "--worker", str(worker))
            name = ingest_name(worker, workers)
            self._ingest.append(start("ingest", name, (*shared, *listening), *options))
        self._others = [start(name, name, shared) for name in ("sweeper", "recorder")]

    def _address(self) -> str:
        host, port = self._listeners[0].getsockname()[:2]
        return f"http://{reachable_host(host)}:{port}"


async def _until_ready(address: str) -> None:
    """Wait for all parts; past the bound, say what is missing and go on waiting, as they go on trying."""
    began_ms, told = monotonic_ms(), False
    async with open_client(address) as client:
        while missing := await what_is_missing(client):
            if not told and monotonic_ms() - began_ms > READY_BOUND_MS:
                _log.warning("not ready after %d s, still trying: %s", READY_BOUND_MS // 1000, missing)
                told = True
            await asyncio.sleep(LOOK_EVERY_S)
