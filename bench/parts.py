"""What is measured, and how it is started: Overdue as a user has it, and the yardsticks on the same web server."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.case import RECORDER, REDIS, SWEEPER, WEB
from bench.cpu import command_line, descendants
from bench.load import BenchFailed
from bench.processes import free_port, last_words, started, wait_until_ready
from overdue.valkey import embedded_url, find_binary, prepare_files, socket_path, wait_until_loaded

ROOT = Path(__file__).parent.parent

COMMAND_LINES: Mapping[str, tuple[str, ...]] = {
    WEB: ("overdue ingest",),
    REDIS: ("valkey-server", "redis-server"),
    RECORDER: ("overdue recorder",),
    SWEEPER: ("overdue sweeper",),
}

# What `ingest/main.py` tells uvicorn, as flags; only then is the empty reply a fair yardstick.
SAME_AS_INGEST = (
    *("--loop", "uvloop", "--http", "httptools", "--ws", "none"),
    *("--lifespan", "off", "--no-access-log", "--no-server-header", "--no-proxy-headers"),
)
EMPTY_REPLY, STARLETTE_REPLY = "bench.empty_reply:app", "bench.starlette_reply:app"
OVERDUE = (sys.executable, "-P", "-m", "overdue")
VALKEY_BYTES = 2 * 1024**3


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


class Web(msgspec.Struct, frozen=True):
    """A running web server of one process."""

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
    log = folder / "serve.log"
    with started([*OVERDUE, "serve"], folder, log, _environ() | given) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
        try:
            yield Overdue(process.pid, port, admin_key, data)
        except BenchFailed as failed:
            raise BenchFailed(f"{failed}\nThe last words of serve:\n{last_words(log)}") from failed


@contextmanager
def plain_ingest(folder: Path, house: Overdue) -> Iterator[Web]:
    """A second ingest beside the house's own, without the express lane; Redis and recorder are the same."""
    port, log = free_port(), folder / "plain.log"
    given = {
        "OVERDUE_DATA": str(house.data),
        "OVERDUE_PORT": str(port),
        "OVERDUE_NODE": "plain",
        "OVERDUE_LANE": "off",
    }
    with started([*OVERDUE, "ingest"], folder, log, _environ() | given) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
        yield Web(process.pid, port)


@contextmanager
def reply_server(folder: Path, app: str) -> Iterator[Web]:
    """A yardstick, on the uvicorn and the flags that ingest has."""
    port, log = free_port(), folder / f"{app}.log"
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), *SAME_AS_INGEST]
    with started(command, ROOT, log, os.environ) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/", process, log)
        yield Web(process.pid, port)


@contextmanager
def valkey(folder: Path) -> Iterator[tuple[int, str]]:
    """The embedded Valkey alone, configured as `serve` does it: its process id and its URL."""
    data = folder / "valkey"
    data.mkdir()
    log = folder / "valkey.out"
    configuration = prepare_files(data, VALKEY_BYTES)
    try:
        with started([str(find_binary()), str(configuration)], folder, log, os.environ) as process:
            url = embedded_url(data)
            asyncio.run(wait_until_loaded(url, lambda: process.poll() is not None, data, lambda _: None))
            yield process.pid, url
    finally:
        # If the folder's path is too long for a socket, that is in a folder of its own.
        shutil.rmtree(socket_path(data).parent, ignore_errors=True)


def _environ() -> dict[str, str]:
    """Ours without any setting of Overdue."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OVERDUE_")}
