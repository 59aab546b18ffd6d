"""The thread that pings for a job. It loads what sends pings when the job runs already."""

from __future__ import annotations

import threading
from collections.abc import Callable

from overdue.job.output import Output
from overdue.lazy import load
from store.clock import monotonic_ms

PINGS = "overdue.job.pings:Pings"


class Teller:
    """Tells the start at once and the end when it has come. `complaint`: what could not be told, as a sentence."""

    def __init__(self, url: str, output: Output, wake: Callable[[], None]) -> None:
        self._url = url
        self._output = output
        self._wake = wake
        self._ended = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = False
        self._code = 0
        self._took_ms = 0
        self._until_ms = 0
        self.complaint = ""

    def begin(self) -> None:
        """The job runs."""
        self._started = True
        self._thread.start()

    def end(self, code: int, took_ms: int, wait_s: float) -> None:
        """The job has ended, or could not be started."""
        self._code = code
        self._took_ms = took_ms
        self._until_ms = monotonic_ms() + round(wait_s * 1000)
        self._ended.set()
        if not self._started:
            self._thread.start()

    def is_over(self) -> bool:
        return self._over.is_set()

    def give_up(self, waited_s: float) -> None:
        self.complaint = f"the end of the job could not be told within {waited_s:g} s"

    def _run(self) -> None:
        try:
            pings = load(PINGS)(self._url)
            if self._started:
                pings.start(self._ended)
            self._ended.wait()
            self.complaint = pings.end(self._code, self._took_ms, self._output.tail(), self._until_ms)
        except Exception as error:  # whatever it is, the job's end is not to be lost in it
            self.complaint = f"the end of the job could not be told ({type(error).__name__}: {error})"
        finally:
            self._over.set()
            self._wake()
