"""A whole Overdue in a scratch folder that is started, stopped and started again on what it left there."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from bench.cpu import command_line, descendants, read_stat
from bench.load import BenchFailed
from bench.parts import pids_by_part
from overdue.valkey import embedded_url
from store.clock import monotonic_ms
from store.live.keys import Keyspace
from store.live.wire import open_wire, pack

OVERDUE = (sys.executable, "-P", "-m", "overdue")
ROOT = Path(__file__).parent.parent
READY_WITHIN_S = 300
STOP_WITHIN_S = 20
ANSWER_WITHIN_S = 60.0
LOOK_EVERY_S = 0.02


class House:
    """`overdue serve` with an embedded Valkey. Webhooks may go to this machine, as the receiver lives here."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = _free_port()
        self.admin_key = "bench-" + secrets.token_hex(16)
        self.keys = Keyspace(0)
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "serve.log"
        self._serve: subprocess.Popen[bytes] | None = None
        ours = {name: value for name, value in os.environ.items() if not name.startswith("OVERDUE_")}
        self.environ: Mapping[str, str] = ours | {
            "PYTHONPATH": str(ROOT),
            "OVERDUE_DATA": str(self.data),
            "OVERDUE_PORT": str(self.port),
            "OVERDUE_ADMIN_KEY": self.admin_key,
            "OVERDUE_PRIVATE_TARGETS": "127.0.0.0/8",
        }

    def start(self) -> float:
        """Start; how many seconds later `GET /readyz` answered 200."""
        began_ms = monotonic_ms()
        with self._log.open("ab") as log:
            self._serve = subprocess.Popen(
                [*OVERDUE, "serve"],
                env=self.environ,
                cwd=self.data.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_ready()
        return (monotonic_ms() - began_ms) / 1000

    def wait_until_ready(self) -> None:
        ends_ms = monotonic_ms() + READY_WITHIN_S * 1000
        with self.client() as client:
            while monotonic_ms() < ends_ms:
                if self._serve is None or self._serve.poll() is not None:
                    raise BenchFailed(f"overdue serve ended:\n{self._last_words()}")
                with suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == 200:
                        return
                time.sleep(LOOK_EVERY_S)
        raise BenchFailed(f"Overdue was not ready within {READY_WITHIN_S} s:\n{self._last_words()}")

    def stop(self) -> None:
        """Stop in order; what is left after a while is killed."""
        serve, self._serve = self._serve, None
        if serve is None or serve.poll() is not None:
            return
        started = {pid: stat.started_ticks for pid in descendants(serve.pid) if (stat := read_stat(pid))}
        serve.terminate()
        try:
            serve.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            serve.kill()
            serve.wait()
        for pid, ticks in started.items():
            stat = read_stat(pid)
            if stat and stat.started_ticks == ticks:
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)

    def pids(self) -> dict[str, tuple[int, ...]]:
        """The process ids of each part."""
        assert self._serve is not None
        return pids_by_part({pid: command_line(pid) for pid in descendants(self._serve.pid)})

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=ANSWER_WITHIN_S)

    def ask(self, *command: str | int) -> Any:
        """One command to Redis, and its reply."""
        return asyncio.run(self._ask(command))

    def info(self, section: str) -> dict[str, str]:
        """A section of INFO."""
        lines = self.ask("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def import_file(self, file: Path, output: Path) -> float:
        """`overdue import`; how many seconds it took."""
        began_ms = monotonic_ms()
        command = [*OVERDUE, "import", str(file), "--output", str(output)]
        ended = subprocess.run(command, env=self.environ, check=False, capture_output=True, text=True)
        if ended.returncode:
            raise BenchFailed(f"overdue import failed: {ended.stderr.strip()}")
        return (monotonic_ms() - began_ms) / 1000

    async def _ask(self, command: tuple[str | int, ...]) -> Any:
        wire = await open_wire(embedded_url(self.data), ANSWER_WITHIN_S)
        try:
            return await wire.exchange(pack(*command), ANSWER_WITHIN_S)
        finally:
            wire.close()

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


@contextmanager
def running_house(folder: Path) -> Iterator[House]:
    """A house in an empty folder, ready to take pings."""
    folder.mkdir(parents=True)
    house = House(folder)
    try:
        house.start()
        yield house
    finally:
        house.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
