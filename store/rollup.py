"""What the samples of a metric in a stretch of time add up to. Pure.

Numbers have a low, a high and a total; texts are only counted. `last` is the sample with the latest stamp, of two equal
stamps the one that came later.
"""

from __future__ import annotations

import msgspec

# A total of doubles near the end of their range stays a double.
LARGEST = 1.7976931348623157e308


class Rollup(msgspec.Struct):
    """`count` is all samples, `numbers` those of them that low, high and total speak of. Grows while it is folded."""

    low: float | None
    high: float | None
    total: float
    numbers: int
    count: int
    last: float | str
    last_ms: int

    def add(self, value: float | str, at_ms: int) -> None:
        """Fold in one sample, the next in order."""
        self.count += 1
        if at_ms >= self.last_ms:
            self.last, self.last_ms = value, at_ms
        if isinstance(value, str):
            return
        self.numbers += 1
        self.total = max(-LARGEST, min(LARGEST, self.total + value))
        if self.low is None or value < self.low:
            self.low = value
        if self.high is None or value > self.high:
            self.high = value

    def fold(self, other: Rollup) -> None:
        """Fold in what came later in order, whatever its stamps say."""
        if other.low is not None and other.high is not None:
            self.low = other.low if self.low is None else min(self.low, other.low)
            self.high = other.high if self.high is None else max(self.high, other.high)
        self.total = max(-LARGEST, min(LARGEST, self.total + other.total))
        self.numbers += other.numbers
        self.count += other.count
        if other.last_ms >= self.last_ms:
            self.last, self.last_ms = other.last, other.last_ms


def empty_at(value: float | str, at_ms: int) -> Rollup:
    """A rollup that is about to get its first sample."""
    return Rollup(None, None, 0.0, 0, 0, value, at_ms)
