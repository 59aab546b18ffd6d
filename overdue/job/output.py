"""The job's output: passed on as it comes, and its last bytes kept.

Each stream has a pipe and a thread of its own, so that a reader who is slow with one does not hold up the other. If
both lead to the same place, they share one pipe: then the order of what is written stays as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from overdue.job.pump import Pump
from overdue.job.tail import Tail

STDOUT, STDERR = 1, 2
DRAINED_WITHIN_S = 1.5


class Output:
    """Both streams of one job, or nothing at all if its output is not wanted."""

    def __init__(self, wanted: bool, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._tail = Tail()
        self._ended, self._end = os.pipe()  # closing its end tells the pumps that the job has ended
        self._pumps: list[Pump] = []
        self._shared = wanted and _lead_to_the_same_place()
        if wanted:
            self._pumps = [self._pump(STDOUT)] if self._shared else [self._pump(STDOUT), self._pump(STDERR)]

    def _pump(self, target: int) -> Pump:
        return Pump(target, self._ended, self._tail, self._wake)

    def file_actions(self) -> list[tuple[int, int, int]]:
        """What puts the pipes into the place of the job's output."""
        actions = [(os.POSIX_SPAWN_DUP2, pump.inlet, pump.target) for pump in self._pumps]
        return actions + ([(os.POSIX_SPAWN_DUP2, STDOUT, STDERR)] if self._shared else [])

    def begin(self) -> None:
        """Pass on, now that the job has its ends of the pipes."""
        for pump in self._pumps:
            pump.begin()

    def close(self) -> None:
        """There is no job whose output could come."""
        for pump in self._pumps:
            pump.abandon()

    def job_has_ended(self) -> None:
        """What is in the pipes is still passed on; what was left running is listened to for a moment."""
        os.close(self._end)

    def say(self, line: str) -> None:
        """A line of our own, in the place of the job's."""
        with suppress(OSError):
            os.write(STDERR, line.encode(errors="surrogateescape"))
        self._tail.add(line.encode(errors="surrogateescape"))

    def is_over(self) -> bool:
        return all(pump.is_over() for pump in self._pumps)

    def tail(self) -> bytes:
        """The last bytes of all output; what a reader of ours holds up is not waited for long."""
        for pump in self._pumps:
            pump.wait(DRAINED_WITHIN_S)
        return self._tail.content()


def _lead_to_the_same_place() -> bool:
    try:
        first, second = os.fstat(STDOUT), os.fstat(STDERR)
    except OSError:
        return False
    return os.path.samestat(first, second)
