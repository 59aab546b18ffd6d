"""One measured load: CPU before and after, replies in between, and what was recorded of them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from bench.case import RECORDER, Round
from bench.cpu import cpu_us
from bench.load import BenchFailed, Load, LoadResult
from bench.recorded import Recorded, faults, settle

Drive = Callable[[Load], LoadResult]


class Server(msgspec.Struct, frozen=True):
    """Something to drive a load at. `read_recorded` is there if it records what it answers."""

    port: int
    paths: tuple[str, ...]
    pids: Mapping[str, tuple[int, ...]]
    read_recorded: Callable[[], Recorded] | None = None

    def load(self, connections: int, seconds_s: float) -> Load:
        return Load(port=self.port, paths=self.paths, connections=connections, seconds_s=seconds_s)

    def cpu_us(self) -> dict[str, int]:
        return {part: self.cpu_of(part) for part in self.pids}

    def cpu_of(self, part: str) -> int:
        spent_us = cpu_us(self.pids[part])
        if spent_us is None:
            raise BenchFailed(f"{part} died while it was measured")
        return spent_us


def measure(server: Server, load: Load, drive: Drive) -> Round:
    """Drive one load.

    1. What is recorded so far is read first, so that reading it costs nothing that counts.
    2. The CPU of the parts that answer is read at the end of the load.
    3. The recorder may be behind: its CPU is read when it has caught up.
    4. What was answered is compared with what was recorded.
    """
    recorded_before = server.read_recorded() if server.read_recorded else None
    before = server.cpu_us()
    result = drive(load)
    after = server.cpu_us()
    found: tuple[str, ...] = ()
    if server.read_recorded and recorded_before:
        settled = settle(server.read_recorded)
        found = faults(result.answered, result.cut, settled.since(recorded_before))
        after[RECORDER] = server.cpu_of(RECORDER)
    return Round(result=result, cpu_us={part: after[part] - before[part] for part in after}, faults=found)
