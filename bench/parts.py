"""Starts what is measured, on free ports and in folders that go away, and stops it again whatever happens.

Every process has a session of its own, so that a Ctrl-C reaches the bench alone, which then stops them in
order.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import msgspec

from bench.case import RECORDER, REDIS, SWEEPER, WEB
from bench.cpu import command_line, descendants, read_stat
from bench.load import BenchFailed
from store.clock import monotonic_ms

ROOT = Path(__file__).parent.parent
START_WITHIN_MS = 60_000
STOP_WITHIN_S = 15.0
LOOK_EVERY_S = 0.1

COMMAND_LINES: Mapping[str, tuple[str, ...]] = {
    WEB: ("overdue ingest",),
    REDIS: ("valkey-server", "redis-server"),
    RECORDER: ("overdue recorder",),
    SWEEPER: ("overdue sweeper",),
}

# What `ingest/main.py` tells uvicorn, as flags; only then is the empty reply a fair yardstick.
SAME_AS_INGEST = (
    *("--loop", "uvloop", "--http", "httptools", "--ws", "none"),
    *("--no-access-log", "--no-server-header", "--no-proxy-headers"),
)
EMPTY_REPLY = ("-m", "uvicorn", "bench.empty_reply:app", "--lifespan", "off", *SAME_AS_INGEST)


class Overdue(msgspec.Struct, frozen=True):
    """A running `overdue serve` with an embedded Valkey."""

    pid: int
    port: int
    admin_key: str
    data: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def history(self) -> Path:
        return self.data / "history.db"

    def parts(self) -> dict[str, tuple[int, ...]]:
        """The process ids of each part, found by their command lines."""
        return pids_by_part({pid: command_line(pid) for pid in descendants(self.pid)})


class EmptyReply(msgspec.Struct, frozen=True):
    """A running uvicorn that serves the empty reply."""

    pid: int
    port: int


def pids_by_part(command_lines: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    """Sort processes by part. Raises BenchFailed if a part has none."""
    found = {
        part: tuple(pid for pid, line in command_lines.items() if any(name in line for name in names))
        for part, names in COMMAND_LINES.items()
    }
    missing = [" or ".join(COMMAND_LINES[part]) for part, pids in found.items() if not pids]
    if missing:
        raise BenchFailed(f"no process called {', '.join(missing)} below `overdue serve`")
    return found


@contextmanager
def overdue(folder: Path) -> Iterator[Overdue]:
    """`overdue serve` in an empty folder with default settings, ready to take pings."""
    port, admin_key, data = free_port(), "bench-" + secrets.token_hex(16), folder / "data"
    given = {"OVERDUE_DATA": str(data), "OVERDUE_PORT": str(port), "OVERDUE_ADMIN_KEY": admin_key}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OVERDUE_")}
    command = [str(Path(sys.executable).with_name("overdue")), "serve"]
    log = folder / "serve.log"
    with _process(command, folder, log, inherited | given) as process:
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
        try:
            yield Overdue(process.pid, port, admin_key, data)
        except BenchFailed as failed:
            raise BenchFailed(f"{failed}\nThe last words of serve:\n{_tail(log)}") from failed


@contextmanager
def empty_reply(folder: Path) -> Iterator[EmptyReply]:
    """The empty reply, on the uvicorn and the flags that ingest has."""
    port, log = free_port(), folder / "empty.log"
    command = [sys.executable, *EMPTY_REPLY, "--port", str(port)]
    with _process(command, ROOT, log, dict(os.environ)) as process:
        _wait_until_ready(f"http://127.0.0.1:{port}/", process, log)
        yield EmptyReply(process.pid, port)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(
    command: list[str], folder: Path, log: Path, environ: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
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


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends_ms = monotonic_ms() + START_WITHIN_MS
    with httpx.Client(trust_env=False, timeout=2) as client:
        while monotonic_ms() < ends_ms:
            if process.poll() is not None:
                raise BenchFailed(f"{process.args!r} ended with {process.returncode}:\n{_tail(log)}")
            if _answers(client, url):
                return
            time.sleep(LOOK_EVERY_S)
    raise BenchFailed(f"{url} did not answer 200 within {START_WITHIN_MS // 1000} s:\n{_tail(log)}")


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop; what is left of it and its children after a while, or at a second Ctrl-C, is killed."""
    started = {pid: stat.started_ticks for pid in descendants(process.pid) if (stat := read_stat(pid))}
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
    finally:
        process.kill()
        process.wait()
        for pid, started_ticks in started.items():
            _kill_if_left(pid, started_ticks)


def _kill_if_left(pid: int, started_ticks: int) -> None:
    """Kill a process unless it is gone; its start tells it from another that was given its id since."""
    stat = read_stat(pid)
    if stat and stat.started_ticks == started_ticks:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
