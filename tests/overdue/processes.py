"""Starting `serve` and servers for the tests of this folder, and seeing what became of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from overdue.orphan import command_line
from overdue.valkey import find_binary
from store.clock import monotonic_ms

HERE = Path(__file__).parent


def until(holds: Callable[[], object], bound_s: float = 15) -> None:
    """Wait for a condition; an AssertionError if it does not come true."""
    ends_ms = monotonic_ms() + bound_s * 1000
    while not holds():
        assert monotonic_ms() < ends_ms, "what the test waits for does not happen"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs (one that has ended but was not collected yet does not)."""
    return command_line(pid) != ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Serve:
    """A running `fake_serve.py`."""

    def __init__(self, data: Path, port: int, extra: Mapping[str, str]) -> None:
        self.data = data
        self.port = port
        self.seen: set[int] = set()
        self._said = data.parent / f"said-{monotonic_ms()}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OVERDUE_")}
        with self._said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "fake_serve.py")],
                env={**inherited, "OVERDUE_DATA": str(data), "OVERDUE_PORT": str(port), **extra},
                cwd=data.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def wait_until_ready(self) -> None:
        until(lambda: "is ready at" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said

    def journal(self) -> list[str]:
        path = self.data / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def pids(self) -> dict[str, int]:
        """The process ids of its children, by name: `valkey`, the part, and from the second ingest on its number."""
        found: dict[str, int] = {}
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            words = command_line(int(child)).split()
            is_valkey = bool(words) and "-server" in words[0]
            if is_valkey or len(words) > 2:  # one that is just being started still has the line of its parent
                name = "valkey" if is_valkey else words[2]
                if "--worker" in words:
                    name += f"-{words[words.index('--worker') + 1]}"
                found[name.removesuffix("-0")] = int(child)
        self.seen.update(found.values())
        return found

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, bound_s: float = 12) -> int:
        return self.process.wait(bound_s)


@contextmanager
def serving(data: Path, port: int | None = None, **extra: str) -> Iterator[Serve]:
    """A `serve` with fake parts; whatever is left of it at the end is killed, by pid."""
    serve = Serve(data, port or free_port(), extra)
    try:
        yield serve
    finally:
        if serve.process.poll() is None:
            serve.pids()
            serve.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                serve.wait()
        serve.process.kill()
        serve.process.wait()
        for pid in serve.seen:
            if any(ours in command_line(pid) for ours in ("fake_part", str(data))):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[str]:
    """A server of the test's own on a Unix socket; its URL."""
    folder.mkdir(exist_ok=True)
    socket_file = folder / "s"
    command = [
        str(find_binary()),
        "--port",
        "0",
        "--unixsocket",
        str(socket_file),
        "--dir",
        str(folder),
        *options,
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: socket_file.exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield f"unix://{socket_file}"
    finally:
        process.terminate()
        process.wait()
