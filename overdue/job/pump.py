"""Passes one stream of a job on, in a thread of its own, until everyone has closed it or the job is over."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

from overdue.job.tail import Tail
from store.clock import monotonic_ms

CHUNK = 65_536
LINGER_MS = 1_000
# As much as a pipe holds: what the job wrote before its end is read, however long that takes to pass on.
LEFT_IN_THE_PIPE = 65_536


class Pump:
    """From a new pipe, whose `inlet` is the job's, to the descriptor `target` of this process.

    A job may leave processes running that hold its output open. They are listened to for LINGER_MS after its end.
    """

    def __init__(self, target: int, job_ended: int, tail: Tail, wake: Callable[[], None]) -> None:
        self.target = target
        self._outlet, self.inlet = os.pipe()
        self._tail = tail
        self._wake = wake
        self._job_ended = job_ended
        self._until_ms: int | None = None
        self._left = LEFT_IN_THE_PIPE
        self._poll = select.poll()
        self._poll.register(self._outlet, select.POLLIN)
        self._poll.register(job_ended, select.POLLIN)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._over = threading.Event()

    def begin(self) -> None:
        os.close(self.inlet)
        self._thread.start()

    def abandon(self) -> None:
        os.close(self.inlet)
        os.close(self._outlet)
        self._over.set()

    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self, bound_s: float) -> None:
        self._over.wait(bound_s)

    def _run(self) -> None:
        try:
            while chunk := self._next():
                self._tail.add(chunk)
                _write(self.target, chunk)
        except BrokenPipeError:
            pass  # nobody reads it any more; closing our end lets the job know by its next write
        finally:
            os.close(self._outlet)
            self._over.set()
            self._wake()

    def _next(self) -> bytes:
        """What comes next; empty when nothing more is to come."""
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll(self._patience_ms())}
            if self._job_ended in ready:
                self._poll.unregister(self._job_ended)
                self._until_ms = monotonic_ms() + LINGER_MS
            if self._outlet in ready and self._left > 0:
                chunk = os.read(self._outlet, CHUNK)
                if self._is_late():
                    self._left -= len(chunk)
                return chunk
            if self._is_late():
                return b""

    def _patience_ms(self) -> int | None:
        return None if self._until_ms is None else max(0, self._until_ms - monotonic_ms())

    def _is_late(self) -> bool:
        """Whether only what can still have been in the pipe at the job's end is passed on."""
        return self._until_ms is not None and monotonic_ms() >= self._until_ms


def _write(target: int, chunk: bytes) -> None:
    """All of it. A target that cannot take it (a full disk) loses it, as it would have lost it without us.

    Raises:
        BrokenPipeError: nobody reads there any more.
    """
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:
            select.select([], [target], [])
        except BrokenPipeError:
            raise
        except OSError:
            return
