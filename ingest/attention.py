"""Whether this process has heard, and stamped, all that reached it: then a slow Redis makes nothing blind.

Not so while its loop stood still: what came meanwhile lies in the kernel's buffers and is stamped late. Nor while
something that came waits here without a stamp, because what came before it on its connection is not answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from store import clock
from store.live.arrival import STEP_LEAST_MS, ArrivalClock

# As long as a watermark may leap without a reason.
STOOD_STILL_MS = 1_000
# What is pipelined behind a ping is taken up long before that.
PIPELINED_MS = 60_000


class Attention:
    """Shared by all batchers of a process, which call `turn` a few times a second."""

    def __init__(self, monotonic_ms: Callable[[], int] = clock.monotonic_ms) -> None:
        self.monotonic_ms = monotonic_ms
        self._turned_ms = self._in_doubt_ms = monotonic_ms()
        self._held_back = 0

    def turn(self) -> None:
        """The loop turns: now, and if it did not for too long, all until now is in doubt."""
        now_ms = self.monotonic_ms()
        if now_ms - self._turned_ms > STOOD_STILL_MS or self._held_back:
            self._in_doubt_ms = max(self._in_doubt_ms, now_ms)
        self._turned_ms = now_ms

    def note_pipelined(self) -> None:
        """Something arrived on a connection whose former ping waits for its answer."""
        self._in_doubt_ms = self.monotonic_ms() + PIPELINED_MS

    def note_doubt(self) -> None:
        """What arrived until now may be stamped wrong, or was turned away unheard."""
        self._in_doubt_ms = max(self._in_doubt_ms, self.monotonic_ms())

    @contextmanager
    def holding_back(self) -> Iterator[None]:
        """What has arrived is taken up bit by bit, and stamped then."""
        self._held_back += 1
        try:
            yield
        finally:
            self.turn()
            self._held_back -= 1

    def is_sure_since(self, moment_ms: int) -> bool:
        """Whether nothing was in doubt since a moment of our own clock."""
        self.turn()
        return self._in_doubt_ms < moment_ms


class Vouching:
    """For one batcher: whether all that arrived since its former watermark is known, by a clock that was not corrected.

    Not since its former batch: while older pings wait, the watermark stays behind, and leaps over the doubt later.
    """

    def __init__(self, attention: Attention, arrival: ArrivalClock) -> None:
        self._attention = attention
        self._arrival = arrival
        self._heard_ms = 0
        self._offset_ms: int | None = None

    def begin(self) -> None:
        """A slot is about to be taken: its first watermark is a moment after this."""
        self._offset_ms = self._offset() if self._arrival.is_set else None
        self._heard_ms = self._attention.monotonic_ms()

    def vouch(self, watermark_ms: int) -> bool:
        """Call this with the watermark of a batch when it is read."""
        offset_ms = self._offset()
        if self._offset_ms is not None and abs(offset_ms - self._offset_ms) > STEP_LEAST_MS:
            self._attention.note_doubt()
        is_sure = self._attention.is_sure_since(self._heard_ms)
        self._heard_ms, self._offset_ms = watermark_ms - offset_ms, offset_ms
        return is_sure

    def _offset(self) -> int:
        """What lies between Redis' clock and ours."""
        return self._arrival.now_ms() - self._arrival.monotonic_ms()
