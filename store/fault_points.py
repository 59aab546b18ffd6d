"""Named places between two durable steps, at which a test can end this process as `kill -9` would. Off in production.

For tests only. OVERDUE_FAULT_POINT names a file and is read once, at the start. Whoever writes `dispatch.attempted 3`
into that file makes the process that reaches this place for the third time take the file away and kill itself with
SIGKILL: nothing is flushed, nothing is given back. One file is one death, so whoever is started again lives.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

VARIABLE = "OVERDUE_FAULT_POINT"


class FaultPoint(msgspec.Struct, frozen=True):
    """A place: what is durable when it is reached, and what is not yet."""

    name: str
    part: str
    done: str
    ahead: str


TABLE: tuple[FaultPoint, ...] = (
    FaultPoint("writer.registered", "ingest", "a writer has its slot", "it sends its first batch"),
    FaultPoint("batch.recorded", "ingest", "a batch of pings is in Redis", "the pings are answered"),
    FaultPoint("writer.flushed", "ingest", "the last batch of a stop is in Redis", "the slot is given back"),
    FaultPoint("config.committed", "ingest", "a change is in config.db", "Redis has it"),
    FaultPoint("config.projected", "ingest", "Redis has a change", "the call is answered"),
    FaultPoint("outbox.projected", "ingest", "Redis has a change, again", "its row leaves the outbox"),
    FaultPoint("channel.disabled", "ingest", "config.db has a channel disabled", "Redis has that"),
    FaultPoint(
        "rebuild.emptied", "ingest", "Redis holds nothing of a former attempt", "monitors are put back"
    ),
    FaultPoint("rebuild.planted", "ingest", "monitors are put back", "channels and deliveries are put back"),
    FaultPoint("rebuild.restored", "ingest", "all is put back", "config.db has the new generation"),
    FaultPoint("rebuild.noted", "ingest", "config.db has the new generation", "Redis has it"),
    FaultPoint("rebuild.finished", "ingest", "Redis has the new generation", "the lock is given back"),
    FaultPoint("sweep.swept", "sweeper", "who is due is down, its event appended", "the sweeper knows"),
    FaultPoint("dispatch.delivered", "sweeper", "events are deliveries", "one is leased"),
    FaultPoint("dispatch.leased", "sweeper", "deliveries are leased", "one is attempted"),
    FaultPoint(
        "dispatch.noted", "sweeper", "a delivery has what its monitor sent last", "it is attempted with that"
    ),
    FaultPoint(
        "dispatch.tagged", "sweeper", "a collection has the tags of its monitors", "it is attempted with them"
    ),
    FaultPoint("dispatch.attempted", "sweeper", "the receiver has answered", "the delivery is settled"),
    FaultPoint("dispatch.settled", "sweeper", "a delivery is settled", "the next step of dispatch"),
    FaultPoint("recorder.read", "recorder", "entries are read from the streams", "history.db is written"),
    FaultPoint("recorder.written", "recorder", "rows and position are written", "they are committed"),
    FaultPoint(
        "recorder.committed", "recorder", "rows and position are committed", "the streams are trimmed"
    ),
    FaultPoint("recorder.trimmed", "recorder", "pings are trimmed", "deliveries' log and events are trimmed"),
    FaultPoint("alerts.committed", "recorder", "threshold alerts are in the outbox", "Redis has them"),
    FaultPoint("alerts.raised", "recorder", "threshold alerts are in Redis", "they leave the outbox"),
    FaultPoint(
        "keeper.refreshed", "recorder", "Redis has the ticks of monitors, worked out anew", "that is noted"
    ),
    FaultPoint(
        "letters.dropped", "recorder", "Redis has dropped old dead letters", "history.db forgets old ones"
    ),
    FaultPoint("writers.dropped", "command", "a writer is released in a shard", "it is in the next one"),
)


def trap_at(path: str) -> Callable[[str], None]:
    """What to call at each place, with its name; for an empty path that does nothing."""
    return _Trap(Path(path)).reach if path else _pass


class _Trap:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._reached: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        """Die here if the file says so, and this is the time it speaks of."""
        try:
            order = self._file.read_text(encoding="ascii")
            wanted, _, time = order.partition(" ")
            if wanted != name:
                return
            self._reached[order] += 1
            if self._reached[order] < int(time):
                return
            self._file.unlink()
        except FileNotFoundError:  # nothing is ordered, or another process was faster
            self._reached.clear()
            return
        os.kill(os.getpid(), signal.SIGKILL)


def _pass(name: str) -> None:
    """Nobody has asked for a fault."""


reach = trap_at(os.environ.get(VARIABLE, ""))
