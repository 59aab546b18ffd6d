"""What can go wrong in a round: a death at a fault point, or at any moment; or the power fails, of Redis or of all."""

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
# How often the power fails in a turn, and how much is lost then at most, as `appendfsync everysec` has it.
POWER_LOSSES, LONGEST_LOSS_MS = 4, 1_900


class Fault(msgspec.Struct, frozen=True):
    """One fault. `at` is a fault point, or empty: then `part` is killed after `after_ms`.

    `time` is the how many-eth time that the point is reached. `weather` is what the network does instead.
    `forgets_ms` is how much of its log a Redis has not got to the disk when it dies; `of_all`: all others die with it.
    """

    part: str
    at: str = ""
    time: int = 1
    after_ms: int = 0
    weather: str = ""
    forgets_ms: int = 0
    of_all: bool = False

    @property
    def empties_redis(self) -> bool:
        return self.at.startswith("rebuild.")

    @property
    def may_lose(self) -> bool:
        """Whether Redis may lose its last moments, at a time when something is told."""
        return self.part == "valkey"

    @property
    def name(self) -> str:
        if self.forgets_ms:
            return f"power loss {'of all' if self.of_all else self.part}"
        return self.at or f"{self.weather or 'kill'} {self.part}"

    def __str__(self) -> str:
        if self.weather:
            return f"{self.weather} before {self.part}"
        if self.forgets_ms:
            return f"power loss{' of all' * self.of_all} after {self.after_ms} ms, {self.forgets_ms} ms"
        return f"{self.at}, time {self.time}" if self.at else f"kill {self.part} after {self.after_ms} ms"


def drawn(dice: random.Random, rounds: int, processes: Sequence[str]) -> Iterator[Fault]:
    """So many faults: every fault point in turn, each time in another order, and kills at random in between."""
    left = rounds
    while left > 0:
        faults = [*_at_points(dice), *_at_random(dice, processes, 2), *_power_losses(dice)]
        dice.shuffle(faults)
        yield from faults[:left]
        left -= len(faults)


def a_whole_turn(processes: Sequence[str]) -> int:
    """How many rounds it takes for every fault point to have its turn."""
    return len(TABLE) + 2 * len(processes) + POWER_LOSSES


def _at_points(dice: random.Random) -> Iterator[Fault]:
    for point in TABLE:
        yield Fault(point.part, point.name, dice.randint(1, TIMES) if point.name in OFTEN else 1)


def _at_random(dice: random.Random, processes: Sequence[str], times: int) -> Iterator[Fault]:
    for part in (*processes,) * times:
        yield Fault(part, after_ms=dice.randint(0, LATEST_MS))


def _power_losses(dice: random.Random) -> Iterator[Fault]:
    for number in range(POWER_LOSSES):
        after_ms, forgets_ms = dice.randint(0, LATEST_MS), dice.randint(100, LONGEST_LOSS_MS)
        yield Fault("valkey", after_ms=after_ms, forgets_ms=forgets_ms, of_all=number % 2 == 1)
