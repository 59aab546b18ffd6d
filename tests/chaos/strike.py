"""Strikes: arms a fault point and sees to it that it is reached, or kills a process after a while."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import msgspec

from store.clock import wall_ms
from tests.chaos.faults import Fault
from tests.chaos.jobs import patiently
from tests.system.api import Api
from tests.system.fleet import Ping
from tests.system.house import COMMAND, House
from tests.system.test_workers import standing_still
from tests.system.waiting import at, until

REACHED_WITHIN_S = 40.0


class Loss(msgspec.Struct, frozen=True):
    """Redis has lost what was answered between these moments, and that is within what is promised."""

    from_ms: int
    to_ms: int


def covers(losses: Sequence[Loss], one: Ping) -> bool:
    """Whether a ping may have been lost: nothing that was sent after a loss can be."""
    return any(loss.from_ms <= one.answered_ms and one.sent_ms <= loss.to_ms for loss in losses)


class Strikes(Protocol):
    """Whoever brings faults about."""

    kills: int
    losses: list[Loss]

    def strike(self, fault: Fault) -> None:
        """From now on the fault lies in wait, or does its harm."""

    def wait_until_over(self, fault: Fault) -> None:
        """It has done its harm."""


FSYNC_WINDOW_MS = 2_000
# What was answered is in the log's file by then, on a busy machine too.
WRITTEN_WITHIN_MS = 100


class Guest(BaseHTTPRequestHandler):
    """A receiver of whom only the round knows. Under `/tired` it answers 410: never call me again."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(410 if self.path == "/tired" else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *words: object) -> None:
        """Nobody wants to know."""


class Striker:
    """Brings faults about, and counts how many processes died of them."""

    def __init__(self, house: House, api: Api, file: Path) -> None:
        self.kills = 0
        self.losses: list[Loss] = []
        self._house = house
        self._api = api
        self._file = file
        self._thread: threading.Thread | None = None
        self._names = 0
        self._guests: list[str] = []
        self._guest = ThreadingHTTPServer(("127.0.0.1", 0), Guest)
        threading.Thread(target=self._guest.serve_forever, name="guest", daemon=True).start()
        self._ways: Mapping[str, Callable[[], None]] = {
            "writer.registered": lambda: self._kill("ingest"),
            "writer.flushed": lambda: self._terminate("ingest"),
            "outbox.projected": self._make_organisation,
            "channel.disabled": self._add_tired_channel,
            "rebuild.emptied": self._flush,
            "rebuild.planted": self._flush,
            "rebuild.restored": self._flush,
            "rebuild.noted": self._flush,
            "rebuild.finished": self._flush,
            "dispatch.tagged": self._add_people,
            "keeper.refreshed": self._make_scheduled,
            "writers.dropped": self._drop_writer,
            "letters.dropped": lambda: self._kill("recorder"),
        }

    def strike(self, fault: Fault) -> None:
        """From now on the fault lies in wait; what its point waits for besides the load of a round, happens."""
        if not fault.at:
            strike = self._fail_at if fault.forgets_ms else self._kill_at
            self._thread = threading.Thread(target=strike, args=(fault, wall_ms() + fault.after_ms))
            self._thread.start()
            return
        self._file.write_text(f"{fault.at} {fault.time}")
        if fault.at in self._ways:
            self._ways[fault.at]()

    def wait_until_over(self, fault: Fault) -> None:
        """Somebody has died of it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if fault.at:
            until(lambda: not self._file.exists(), REACHED_WITHIN_S, f"{fault.at} is reached")
            self.kills += 1
        while self._guests:
            patiently(lambda: self._is_gone(self._guests[-1]), "a guest of the round is gone")
            self._guests.pop()

    def close(self) -> None:
        """Stop what was started."""
        self._guest.shutdown()
        self._guest.server_close()

    def _is_gone(self, path: str) -> bool:
        """Deleted, perhaps by a call that nobody answered."""
        kind, number = path.removeprefix("/api/").split("/")
        if any(one["id"] == number for one in self._api.get(f"/api/{kind}?limit=1000")[kind]):
            self._api.delete(path)
        return True

    def _fail_at(self, fault: Fault, moment_ms: int) -> None:
        """The power fails under Redis, or under all: of its log the last moments are not on the disk."""
        valkey, serve = self._house.pid("valkey"), self._house.pid("serve")
        at(moment_ms - fault.forgets_ms)
        log, kept = self._house.redis_log(), self._house.redis_log().stat().st_size
        since_ms = wall_ms()
        at(moment_ms)
        with standing_still(serve):  # it would start another one at once
            dying = {**self._house.parts(), "valkey": valkey} if fault.of_all else {"valkey": valkey}
            for name, pid in dying.items():
                self.kills += 1
                self._house.kill(name, pid)
            until(lambda: not dying.keys() & self._house.processes().keys(), 5, "all of them are dead")
            os.truncate(log, kept)
            self.losses.append(Loss(since_ms - WRITTEN_WITHIN_MS, wall_ms()))
        self._house.kill_and_wait("valkey", valkey, is_dead=True)

    def _kill_at(self, fault: Fault, moment_ms: int) -> None:
        name = fault.part
        pid = self._house.pid(name)
        at(moment_ms)
        self._note_loss(name)
        self.kills += 1
        self._house.kill_and_wait(name, pid)

    def _kill(self, name: str) -> None:
        self.kills += 1
        self._house.kill(name)

    def _terminate(self, name: str) -> None:
        """One that is stopped before it has a slot has none to give back: then the next one is told."""
        until(lambda: self._has_stopped(name), REACHED_WITHIN_S, f"{name} stops in order")

    def _has_stopped(self, name: str) -> bool:
        pid = until(
            lambda: self._heeding(name), REACHED_WITHIN_S, f"there is {name}, and it knows of SIGTERM"
        )
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until(lambda: self._house.processes().get(name) != pid, REACHED_WITHIN_S, f"{name} is gone")
        return not self._file.exists()

    def _heeding(self, name: str) -> int:
        """A process that does not just die of SIGTERM, as one does that is only just starting; 0 if there is none."""
        pid = self._house.processes().get(name, 0)
        with suppress(OSError):
            (caught,) = re.findall(
                r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
            )
            return pid if int(caught, 16) >> (signal.SIGTERM - 1) & 1 else 0
        return 0

    def _note_loss(self, name: str) -> None:
        if name == "valkey":
            self.losses.append(Loss(wall_ms() - FSYNC_WINDOW_MS, wall_ms()))

    def _flush(self) -> None:
        """Everything in Redis is gone. What the recorder had not carried yet is gone with it."""
        began_ms = wall_ms()
        with self._house.redis() as client:
            client.flushall()
        self.losses.append(Loss(began_ms - FSYNC_WINDOW_MS, wall_ms()))

    def _make_organisation(self) -> None:
        """Whoever makes one tells Redis nothing: its limits wait in the outbox."""
        self._names += 1
        command = [COMMAND[0], "orgs", "create", f"guest {self._names}", "--plan", "starter"]
        subprocess.run(command, env=self._house.environ, check=True, stdout=subprocess.DEVNULL)

    def _add_tired_channel(self) -> None:
        """Its receiver answers 410: never call me again."""
        self._add_channel("tired")

    def _add_people(self) -> None:
        """Of what happens to many at once they hear together."""
        self._add_channel("people", burst={"size": 1, "windowSeconds": 10})

    def _add_channel(self, name: str, **more: object) -> None:
        url = f"http://127.0.0.1:{self._guest.server_port}/{name}"
        asked = {"type": "webhook", "name": name, "url": url, **more}
        made = patiently(lambda: self._api.post("/api/channels", asked), "a channel")
        self._guests.append(f"/api/channels/{made['id']}")

    def _make_scheduled(self) -> None:
        """A monitor with ticks, which are worked out ahead."""
        asked = {"name": "scheduled", "schedule": "0 3 * * *", "gracePeriod": 60}
        made = patiently(lambda: self._api.post("/api/monitors", asked), "a monitor")
        self._guests.append(f"/api/monitors/{made['id']}")

    def _drop_writer(self) -> None:
        """An operator releases a writer that is well; the command dies in the middle of it."""
        command = [COMMAND[0], "writers", "drop", "main-0", "--force"]
        subprocess.run(command, env=self._house.environ, check=False, stdout=subprocess.DEVNULL)
