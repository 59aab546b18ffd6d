"""What Redis' clock says at this moment, as well as this process can know it without asking.

Each reply carries Redis TIME; reply TIME - receipt is at most the true distance between the two clocks, and the
largest of many comes closest. Stamping pings with it when they arrive means that a slow queue or a frozen Redis never
makes a ping late.
"""

from __future__ import annotations

from store.clock import monotonic_ms

WINDOW_MS = 30_000


class ArrivalClock:
    """Estimates Redis time from the best of the replies of the last one to two windows."""

    def __init__(self) -> None:
        self._best: int | None = None
        self._former: int | None = None
        self._window_start_ms = 0
        self._offset_ms = 0

    def observe(self, redis_ms: int, receipt_ms: int) -> None:
        """Learn from a reply: `redis_ms` is Redis TIME in it, `receipt_ms` our monotonic clock when it came."""
        offset = redis_ms - receipt_ms
        if receipt_ms - self._window_start_ms >= WINDOW_MS:
            self._former, self._best = self._best, offset
            self._window_start_ms = receipt_ms
        elif self._best is None or offset > self._best:
            self._best = offset
        best = self._best if self._best is not None else offset
        self._offset_ms = best if self._former is None else max(best, self._former)

    def now_ms(self) -> int:
        """Redis time now, never after the true one unless Redis' clock was stepped back."""
        return monotonic_ms() + self._offset_ms
