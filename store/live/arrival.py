"""What Redis' clock says at this moment, as well as this process can know it without asking.

Each reply carries Redis TIME. What lies between the two clocks is at least reply TIME - receipt and at most reply
TIME - sending, and the narrowest bounds of many replies come closest. Stamping pings with it when they arrive means
that a slow queue or a frozen Redis never makes a ping late. A reply that cannot be true by these bounds tells of a
step.
"""

from __future__ import annotations

from collections.abc import Callable

from store import clock

WINDOW_MS = 30_000
# What a clock may be off without having been stepped: slewing, and drift in the time without replies.
STEP_LEAST_MS = 500


class ArrivalClock:
    """Estimates Redis time from the replies of the last one to two windows, and notices when it is stepped.

    `steps` counts the steps, and `stepped_ms` is the last one: negative for a step back.
    """

    def __init__(self, monotonic_ms: Callable[[], int] = clock.monotonic_ms) -> None:
        self.monotonic_ms = monotonic_ms
        self.steps = 0
        self.stepped_ms = 0
        self._bounds: tuple[int, int] | None = None
        self._former: tuple[int, int] | None = None
        self._window_start_ms = 0
        self._offset_ms = 0

    @property
    def is_set(self) -> bool:
        """Whether a reply has told what Redis' clock says. Until then `now_ms` means nothing."""
        return self._bounds is not None

    def observe(self, redis_ms: int, sent_ms: int, receipt_ms: int) -> None:
        """Learn from a reply: `redis_ms` is Redis TIME in it, the others our monotonic clock at sending and receipt."""
        bounds = redis_ms - receipt_ms, redis_ms - sent_ms
        if self._notice_step(bounds) or self._bounds is None:
            self._bounds, self._former, self._window_start_ms = bounds, None, receipt_ms
        elif receipt_ms - self._window_start_ms >= WINDOW_MS:
            self._bounds, self._former, self._window_start_ms = bounds, self._bounds, receipt_ms
        else:
            self._bounds = _narrowed(self._bounds, bounds)
        self._offset_ms = _narrowed(self._bounds, self._former or self._bounds)[0]

    def now_ms(self) -> int:
        """Redis time now, never after the true one, unless Redis' clock was stepped back since the last reply."""
        return self.monotonic_ms() + self._offset_ms

    def _notice_step(self, bounds: tuple[int, int]) -> bool:
        if self._bounds is None:
            return False
        least, most = _narrowed(self._bounds, self._former or self._bounds)
        if bounds[0] > most + STEP_LEAST_MS:
            self.stepped_ms = bounds[0] - most
        elif bounds[1] < least - STEP_LEAST_MS:
            self.stepped_ms = bounds[1] - least
        else:
            return False
        self.steps += 1
        return True


def _narrowed(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return max(one[0], other[0]), min(one[1], other[1])
