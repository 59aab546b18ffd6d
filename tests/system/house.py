"""A whole Overdue as its users run it: `overdue serve` in a folder of its own, and every process that belongs to it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import httpx
from redis import Redis
from redis.exceptions import RedisError

from store.live.keys import Keyspace
from store.live.packing import read_holes
from tests.system.waiting import until

ADMIN_KEY = "system-tests-admin-key"
COMMAND = (str(Path(sys.executable).with_name("overdue")), "serve")
NAMES = MappingProxyType(
    {
        "serve": "overdue serve",
        "ingest": "overdue ingest",
        "sweeper": "overdue sweeper",
        "recorder": "overdue recorder",
    }
)
# What is embedded is called `valkey`, whichever it is.
SERVER = re.compile(r"\S*(valkey|redis)-server\s").match
PARTS = ("ingest", "sweeper", "recorder")
READY_S, STOPPED_S, LIFELINE_S = 30.0, 10.0, 10.0


class House:
    """One installation. `data` and `port` stay the same over all its starts; the output of all starts is in one log."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.log = folder / "serve.log"
        self.shards = [Keyspace(number) for number in range(int(settings.get("OVERDUE_SHARDS", 1)))]
        self.keys = self.shards[0]
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("OVERDUE_")}
        return inherited | {
            "OVERDUE_DATA": str(self.data),
            "OVERDUE_PORT": str(self.port),
            "OVERDUE_ADMIN_KEY": ADMIN_KEY,
            "OVERDUE_PRIVATE_TARGETS": "127.0.0.0/8",
            **self._settings,
        }

    def launch(self) -> subprocess.Popen[bytes]:
        """Start `overdue serve` and do not wait for it. It has a session of its own: Ctrl-C is for pytest alone."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                COMMAND,
                cwd=self.log.parent,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._process

    def start(self) -> None:
        """Start, and wait until every part is ready."""
        process = self.launch()
        try:
            until(lambda: self.is_ready() or process.poll() is not None, READY_S, "serve is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; it has said:\n{self.said()}") from None
        assert process.poll() is None, self.said()

    def change(self, **settings: str) -> None:
        """Settings of the next start."""
        self._settings |= settings

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell `serve` to stop; its exit code. An AssertionError if anything is left after the promised ten seconds."""
        assert self._process is not None
        self._process.send_signal(number)
        try:
            code = self._process.wait(STOPPED_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"serve has not ended within {STOPPED_S:g} s:\n{self.said()}") from None
        assert self.processes() == {}
        return code

    def kill(self, name: str, pid: int | None = None) -> int:
        """`kill -9` of one process; its pid. Who looked it up before kills sooner."""
        pid = pid or self.pid(name)
        os.kill(pid, signal.SIGKILL)
        if name == "serve" and self._process is not None:
            self._process.wait()
        return pid

    def kill_and_wait(self, name: str, pid: int | None = None, is_dead: bool = False) -> None:
        """`kill -9`, and wait until all is well again: `serve` starts a part anew, and we `serve` itself."""
        killed = pid if pid and is_dead else self.kill(name, pid)
        if name == "serve":
            until(lambda: not self.parts(), LIFELINE_S, "the parts end by themselves")
            self.start()
        else:
            until(lambda: self.processes().get(name, killed) != killed, 15, f"{name} is started again")
            self.wait_until_ready()

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return self._client.get("/readyz").status_code == 200
        return False

    def wait_until_ready(self) -> None:
        until(self.is_ready, READY_S, "all parts are ready")

    def pid(self, name: str) -> int:
        return until(lambda: self.processes().get(name, 0), 5, f"there is a process called {name}")

    def parts(self) -> dict[str, int]:
        """The parts that run, by name."""
        return {name: pid for name, pid in self.processes().items() if name.partition("-")[0] in PARTS}

    def processes(self) -> dict[str, int]:
        """Everything that runs on this data folder, by name, whoever its parent is by now.

        Of several ingest processes the first is called `ingest`, the others `ingest-1` and so on.
        """
        return dict(found for pid in _pids() if (found := self._recognise(pid)))

    def said(self) -> str:
        """What all starts have logged so far."""
        return self.log.read_text(errors="replace")

    @contextmanager
    def redis(self) -> Iterator[Redis]:
        """A client for the server that is in use."""
        url = self._settings.get("OVERDUE_REDIS_URL") or "unix://" + quote(str(self.data / "valkey.sock"))
        with Redis.from_url(url, socket_timeout=5) as client:
            yield client

    def redis_log(self) -> Path:
        """The file that the embedded server writes everything into."""
        return max((self.data / "appendonlydir").glob("*.incr.aof"), key=lambda file: file.stat().st_mtime_ns)

    def holes(self) -> list[tuple[int, int]]:
        """The blind intervals of the first shard as (from_ms, to_ms)."""
        with self.redis() as client:
            return read_holes(client.get(self.keys.blind))  # type: ignore[arg-type]

    def is_quiet(self) -> bool:
        """Whether everything that happened is recorded, and told: nothing more can come of it by itself."""
        try:
            with self.redis() as client:
                recorded = not any(
                    client.xlen(keys.pings) + client.xlen(keys.letters) for keys in self.shards
                )
                return recorded and self._has_told(client)
        except RedisError:
            return False

    def has_told(self) -> bool:
        """Whether every event is turned into deliveries, and these are settled."""
        try:
            with self.redis() as client:
                return self._has_told(client)
        except RedisError:
            return False

    def wait_until_quiet(self) -> None:
        until(self.is_quiet, 15, "everything is recorded and told")

    def clean_up(self) -> None:
        """Whatever has happened: nothing of it is left running. `serve` goes first, as it would start parts anew."""
        self._client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        until(self._kill_the_rest, 10, "nothing is left running")

    def _kill_the_rest(self) -> bool:
        left = self.processes().values()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    def _has_told(self, client: Redis) -> bool:
        for keys in self.shards:
            newest = (
                client.xinfo_stream(keys.events)["last-generated-id"] if client.exists(keys.events) else None
            )
            if client.get(keys.dispatched) != newest or client.hlen(keys.deliveries):
                return False
        return True

    def _recognise(self, pid: int) -> tuple[str, int] | None:
        """A process is ours if its environment, or for Valkey its command line, names our data folder."""
        line = _read(pid, "cmdline").replace("\0", " ")
        if SERVER(line):
            return ("valkey", pid) if str(self.data / "valkey.conf") in line else None
        name = next((name for name, words in NAMES.items() if words in line), None)
        if name is None:
            return None
        worker = line.partition(" --worker ")[2].partition(" ")[0]
        if worker not in {"", "0"}:
            name = f"{name}-{worker}"
        return (name, pid) if f"OVERDUE_DATA={self.data}" in _read(pid, "environ").split("\0") else None


@contextmanager
def keeping_house(folder: Path, **settings: str) -> Iterator[House]:
    """A house that runs, for as long as the block lasts."""
    house = House(folder, **settings)
    try:
        house.start()
        yield house
    finally:
        house.clean_up()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _read(pid: int, name: str) -> str:
    """One of a process's files; empty when it has ended, also if nobody has collected it yet."""
    try:
        return (Path("/proc") / str(pid) / name).read_text(errors="replace")
    except OSError:
        return ""
