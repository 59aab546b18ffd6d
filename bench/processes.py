"""Processes of a run: started on free ports, awaited until they answer, stopped again whatever happens.

Every process has a session of its own, so that a Ctrl-C reaches the bench alone, which then stops them in
order.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from bench.cpu import descendants, read_stat
from bench.load import BenchFailed
from store.clock import monotonic_ms

START_WITHIN_MS = 60_000
STOP_WITHIN_S = 15.0
LOOK_EVERY_S = 0.1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(
    command: list[str], folder: Path, log: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own; what it says goes into its log."""
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BenchFailed(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        yield process
    finally:
        _stop(process)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a 200. Raises BenchFailed with the last words of a process that ended or took too long."""
    ends_ms = monotonic_ms() + START_WITHIN_MS
    with httpx.Client(trust_env=False, timeout=2) as client:
        while monotonic_ms() < ends_ms:
            if process.poll() is not None:
                raise BenchFailed(f"{process.args!r} ended with {process.returncode}:\n{last_words(log)}")
            if _answers(client, url):
                return
            time.sleep(LOOK_EVERY_S)
    raise BenchFailed(f"{url} did not answer 200 within {START_WITHIN_MS // 1000} s:\n{last_words(log)}")


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False


def last_words(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop; what is left of it and its children after a while, or at a second Ctrl-C, is killed."""
    family = {pid: stat.started_ticks for pid in descendants(process.pid) if (stat := read_stat(pid))}
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
    finally:
        process.kill()
        process.wait()
        for pid, started_ticks in family.items():
            _kill_if_left(pid, started_ticks)


def _kill_if_left(pid: int, started_ticks: int) -> None:
    """Kill a process unless it is gone; its start tells it from another that was given its id since."""
    stat = read_stat(pid)
    if stat and stat.started_ticks == started_ticks:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
