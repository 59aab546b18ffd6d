"""What can go wrong in a round: a death at a named fault point, or a `kill -9` of any process at any moment."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

from store.fault_points import TABLE

# Reached again and again under load, so that any of several times can be the last one.
OFTEN = {"batch.recorded", "recorder.read", "recorder.written", "recorder.committed", "recorder.trimmed"}
TIMES = 20
# After how long a random kill strikes; a round's silences are told and ended in that time.
LATEST_MS = 6_000


class Fault(msgspec.Struct, frozen=True):
    """One fault. `at` is a fault point, or empty: then `part` is killed after `after_ms`.

    `time` is the how many-eth time that the point is reached. `weather` is what the network does instead.
    """

    part: str
    at: str = ""
    time: int = 1
    after_ms: int = 0
    weather: str = ""

    @property
    def empties_redis(self) -> bool:
        return self.at.startswith("rebuild.")

    @property
    def may_lose(self) -> bool:
        """Whether Redis may lose its last moments."""
        return self.part == "valkey" or self.empties_redis

    @property
    def name(self) -> str:
        return self.at or f"{self.weather or 'kill'} {self.part}"

    def __str__(self) -> str:
        if self.weather:
            return f"{self.weather} before {self.part}"
        return f"{self.at}, time {self.time}" if self.at else f"kill {self.part} after {self.after_ms} ms"


def drawn(dice: random.Random, rounds: int, processes: Sequence[str]) -> Iterator[Fault]:
    """So many faults: every fault point in turn, each time in another order, and kills at random in between."""
    left = rounds
    while left > 0:
        faults = [*_at_points(dice), *_at_random(dice, processes, 2)]
        dice.shuffle(faults)
        yield from faults[:left]
        left -= len(faults)


def a_whole_turn(processes: Sequence[str]) -> int:
    """How many rounds it takes for every fault point to have its turn."""
    return len(TABLE) + 2 * len(processes)


def _at_points(dice: random.Random) -> Iterator[Fault]:
    for point in TABLE:
        yield Fault(point.part, point.name, dice.randint(1, TIMES) if point.name in OFTEN else 1)


def _at_random(dice: random.Random, processes: Sequence[str], times: int) -> Iterator[Fault]:
    for part in (*processes,) * times:
        yield Fault(part, after_ms=dice.randint(0, LATEST_MS))
