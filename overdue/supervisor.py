"""Keeps one process alive: starts it, starts it again when it dies, stops it in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping

import msgspec

from store.clock import monotonic_ms

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
STEADY_MS = 30_000

_log = logging.getLogger(__name__)


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What to start. It gets a session of its own, so that a Ctrl-C in the terminal reaches `serve` alone."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    descriptors: tuple[int, ...] = ()


class Child:
    """One process under care. `died(name, pid)` is called for each death that was not asked for."""

    def __init__(self, command: Command, died: Callable[[str, int], None]) -> None:
        self.name = command.name
        self.deaths = 0
        self._command = command
        self._died = died
        self._process: Process | None = None
        self._care: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        self._care = asyncio.create_task(self._keep_alive(), name=self.name)

    async def stop(self, bound_s: float) -> None:
        """Ask the process to end; kill it if it has not after `bound_s`."""
        self._stopping.set()
        if self._care is None:
            return
        self._terminate()
        done, _ = await asyncio.wait([self._care], timeout=max(bound_s, 0))
        if not done:
            _log.warning("%s did not stop in time; killing it", self.name)
            self.kill()
            await asyncio.wait([self._care])
        _log.info("%s stopped", self.name)

    def kill(self) -> None:
        """End the process and what it started, at once."""
        self._stopping.set()
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _keep_alive(self) -> None:
        delay_s = FIRST_DELAY_S
        while not self._stopping.is_set():
            began_ms = monotonic_ms()
            end = await self._live_once()
            if self._stopping.is_set():
                return
            if monotonic_ms() - began_ms >= STEADY_MS:
                delay_s = FIRST_DELAY_S
            self.deaths += 1
            _log.warning("%s %s; starting it again in %g s", self.name, end, delay_s)
            await self._pause(delay_s)
            delay_s = min(delay_s * 2, LONGEST_DELAY_S)

    async def _live_once(self) -> str:
        """Start the process and wait for its end; how it ended, as the rest of a sentence."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                env=self._command.environ,
                pass_fds=self._command.descriptors,
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be started ({error.strerror})"
        if self._stopping.is_set():  # told to stop while the process was being made
            self._terminate()
        code = await self._process.wait()
        self._tell_death(self._process.pid)
        return f"died (signal {-code})" if code < 0 else f"ended (exit code {code})"

    def _tell_death(self, pid: int) -> None:
        if self._stopping.is_set():
            return
        try:
            self._died(self.name, pid)
        except Exception:  # whoever counts deaths must not be the reason that nobody starts the part again
            _log.exception("the death of %s could not be counted", self.name)

    def _terminate(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    async def _pause(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
