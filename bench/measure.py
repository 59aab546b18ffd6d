"""One measured load: CPU before and after, replies in between, and what was recorded of them afterwards."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping

import msgspec

from bench.case import GENERATOR, RECORDER, REDIS, REDIS_READ_OUT, Round
from bench.cpu import cpu_us
from bench.load import BenchFailed, Drive, Load, LoadResult
from bench.recorded import Recorded, faults, settle


class Server(msgspec.Struct, frozen=True):
    """Something to drive a load at. `read_recorded` is there if it records what it answers."""

    port: int
    pids: Mapping[str, tuple[int, ...]]
    read_recorded: Callable[[], Recorded] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cpu_us(self) -> dict[str, int]:
        return {part: self.cpu_of(part) for part in self.pids}

    def cpu_of(self, part: str) -> int:
        spent_us = cpu_us(self.pids[part])
        if spent_us is None:
            raise BenchFailed(f"{part} died while it was measured")
        return spent_us


def measure(server: Server, load: Load, drive: Drive, pings_per_reply: int = 1) -> Round:
    """Drive one load.

    1. What is recorded so far is read first, so that reading it costs nothing that counts.
    2. The CPU of the parts that answer is read at the end of the load.
    3. The recorder may be behind: its CPU, and what Redis spends on it, is read when it has caught up.
    4. What was answered is compared with what was recorded.
    """
    recorded_before = server.read_recorded() if server.read_recorded else None
    before, generator_us = server.cpu_us(), ended_children_us()
    result = drive(load)
    spent = {part: after - before[part] for part, after in server.cpu_us().items()}
    spent[GENERATOR] = ended_children_us() - generator_us
    found = failures(result)
    if server.read_recorded and recorded_before:
        settled = settle(server.read_recorded, recorded_before)
        found += faults(result.answered * pings_per_reply, result.cut * pings_per_reply, settled)
        spent[RECORDER] = server.cpu_of(RECORDER) - before[RECORDER]
        spent[REDIS_READ_OUT] = server.cpu_of(REDIS) - before[REDIS]
    return Round(result=result, cpu_us=spent, pings_per_reply=pings_per_reply, faults=found)


def failures(result: LoadResult) -> tuple[str, ...]:
    """What went wrong already on the way."""
    found = []
    if result.refused:
        found.append(f"{result.refused} replies were not 200")
    if result.errors:
        found.append(f"{result.errors} connections failed")
    if not result.answered:
        found.append("nothing was answered")
    return tuple(found)


def ended_children_us() -> int:
    """The CPU time of our children that have ended: between two moments, that of the load generator."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((spent.ru_utime + spent.ru_stime) * 1e6)
