"""Counts what became of pings, by door, without a label lookup per ping: small numbers first, Prometheus per batch."""

from __future__ import annotations

from collections.abc import Sequence

from store.live.heads import Outcome
from store.metrics import PINGS

_LABELS: dict[int, str] = {
    Outcome.UNAVAILABLE: "unavailable",
    Outcome.RECORDED: "recorded",
    Outcome.UNKNOWN: "unknown",
    Outcome.PAUSED: "paused",
    Outcome.LIMITED: "limited",
    Outcome.BROKEN: "unavailable",
    Outcome.ALIVE: "bad",
    Outcome.TURNED_AWAY: "unknown",
}
_WIDTH = 8


class Tally:
    """One row of counts per door."""

    def __init__(self, doors: Sequence[str]) -> None:
        self._children = [
            PINGS.labels(door, _LABELS.get(outcome, "unavailable"))
            for door in doors
            for outcome in range(_WIDTH)
        ]
        self._counts = [0] * (len(doors) * _WIDTH)

    def count(self, door: int, outcome: int) -> None:
        """Note one ping."""
        self._counts[door * _WIDTH + outcome] += 1

    def flush(self) -> None:
        """Hand everything that was counted to Prometheus."""
        counts = self._counts
        for at, count in enumerate(counts):
            if count:
                self._children[at].inc(count)
                counts[at] = 0
