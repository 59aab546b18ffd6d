"""How long scripts took, from Redis' own accounts: SLOWLOG has those over a threshold, INFO how many there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bench.million_house import House
from store.live.scripts import assemble, names

# Shorter ones need no telling apart; longer ones are all kept.
LEAST_US = 200
KEPT = 500_000


class Scripts(msgspec.Struct, frozen=True):
    """The calls of scripts in a stretch of time: how many, and the times of those over the threshold."""

    calls: int
    slow_us: Mapping[str, tuple[int, ...]]

    def percentile_ms(self, share: float) -> float:
        """The time that `share` of all calls stay below; at most the threshold if that is all that is known."""
        slow = sorted((one for times in self.slow_us.values() for one in times), reverse=True)
        place = int(self.calls * (1 - share))
        return (slow[place] if place < len(slow) else LEAST_US) / 1000

    def slowest(self) -> tuple[str, float]:
        """The longest call: its script and its time in ms."""
        name, times = max(self.slow_us.items(), key=lambda item: max(item[1]), default=("none", (LEAST_US,)))
        return name, max(times) / 1000

    def of(self, name: str) -> str:
        """A script's slow calls in words."""
        times = sorted(self.slow_us.get(name, ()))
        if not times:
            return f"{name}: none"
        half_ms, p99_ms, longest_ms = (
            times[min(len(times) - 1, int(len(times) * share))] / 1000 for share in (0.5, 0.99, 1)
        )
        over = f"{len(times)} calls over {LEAST_US} µs"
        return f"{name}: {over}, p50 of these {half_ms:.1f} ms, p99 {p99_ms:.1f}, longest {longest_ms:.1f}"


class SlowLog:
    """Listens from its making until `read`, to calls over a threshold."""

    def __init__(self, house: House, least_us: int = LEAST_US) -> None:
        self._house = house
        house.ask("CONFIG", "SET", "slowlog-log-slower-than", least_us)
        house.ask("CONFIG", "SET", "slowlog-max-len", KEPT)
        house.ask("SLOWLOG", "RESET")
        self._calls_before = script_calls(house)

    def read(self) -> Scripts:
        """What was called since then."""
        calls = script_calls(self._house) - self._calls_before
        entries = self._house.ask("SLOWLOG", "GET", -1)
        self._house.ask("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
        self._house.ask("SLOWLOG", "RESET")
        return Scripts(calls, _by_script(entries))


def script_calls(house: House) -> int:
    """How many scripts were ever called."""
    told = house.info("commandstats").get("cmdstat_evalsha", "calls=0")
    return int(dict(pair.split("=") for pair in told.split(","))["calls"])


def _by_script(entries: Sequence[Sequence[object]]) -> dict[str, tuple[int, ...]]:
    known = {assemble(name).sha.encode(): name for name in names()}
    found: dict[str, list[int]] = {}
    for entry in entries:
        duration_us, command = entry[2], entry[3]
        assert isinstance(duration_us, int)
        assert isinstance(command, list)
        if bytes(command[0]).upper() == b"EVALSHA":
            found.setdefault(known.get(bytes(command[1]), "another"), []).append(duration_us)
    return {name: tuple(times) for name, times in found.items()}
