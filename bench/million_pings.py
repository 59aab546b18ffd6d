"""What a ping costs beside a thousand and beside a million monitors, in rounds that take turns."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

import msgspec

from bench.case import RECORDER, REDIS, WEB
from bench.cpu import PROC, TICK_US
from bench.load import TIMEOUT_S, USER_AGENT, BenchFailed
from bench.million_fleet import Fleet
from bench.million_house import House
from store.clock import monotonic_ms

SCRIPT = Path(__file__).with_name("million.lua")
CONNECTIONS = 64
CAUGHT_UP_WITHIN_MS = 300_000
LOOK_EVERY_S = 0.05


class Cost(msgspec.Struct, frozen=True):
    """One round: how many pings were answered, how fast, and the CPU of each part in µs a ping."""

    answered: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float]

    @property
    def answering_us(self) -> float:
        return self.cpu_us[WEB] + self.cpu_us[REDIS]


def own_cpu_us(pids: Sequence[int]) -> int:
    """The CPU time of processes without that of their children: a rewrite of the append-only file is told apart."""
    total = 0
    for pid in pids:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) * TICK_US
    return total


def childrens_cpu_us(pids: Sequence[int]) -> int:
    """The CPU time of children that have ended."""
    total = 0
    for pid in pids:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        total += (int(fields[13]) + int(fields[14])) * TICK_US
    return total


def spent(house: House) -> dict[str, int]:
    return {part: own_cpu_us(pids) for part, pids in house.pids().items()}


def measure(house: House, fleet: Fleet, seconds_s: int, start: int | None) -> Cost:
    """Drive pings at a fleet: in turn from a place in its order on, or (None) at random.

    The recorder is waited for, so that its CPU is whole.
    """
    before = spent(house)
    found = _wrk(house, fleet, seconds_s, start)
    after = spent(house)
    catch_up(house)
    after[RECORDER] = spent(house)[RECORDER]
    if found["status"] or not found["requests"]:
        raise BenchFailed(f"{found['status']} of {found['requests']} pings were refused")
    return Cost(
        answered=found["requests"],
        per_second=found["requests"] / found["duration"] * 1e6,
        p50_ms=found["p50"] / 1000,
        p99_ms=found["p99"] / 1000,
        cpu_us={part: (after[part] - before[part]) / found["requests"] for part in after},
    )


def middle(costs: Sequence[Cost]) -> Cost:
    """The medians of some rounds."""
    return Cost(
        answered=sum(one.answered for one in costs),
        per_second=median(one.per_second for one in costs),
        p50_ms=median(one.p50_ms for one in costs),
        p99_ms=median(one.p99_ms for one in costs),
        cpu_us={part: median(one.cpu_us[part] for one in costs) for part in costs[0].cpu_us},
    )


def catch_up(house: House) -> int:
    """Wait until the recorder has written everything; the number of pings in the history."""
    ends_ms = monotonic_ms() + CAUGHT_UP_WITHIN_MS
    while house.ask("XLEN", house.keys.pings):
        if monotonic_ms() > ends_ms:
            raise BenchFailed("the recorder does not catch up")
        time.sleep(LOOK_EVERY_S)
    return recorded(house)


def recorded(house: House) -> int:
    """How many pings are in the history."""
    with closing(sqlite3.connect(f"file:{house.data / 'history.db'}?mode=ro", uri=True)) as history:
        (last,) = history.execute("SELECT last FROM ping_ids").fetchone()
    return int(last)


def _wrk(house: House, fleet: Fleet, seconds_s: int, start: int | None) -> dict[str, int]:
    command = [
        *("wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds_s}s", "--timeout", f"{TIMEOUT_S}s"),
        *("-H", f"User-Agent: {USER_AGENT}", "-H", "Accept: */*", "-s", str(SCRIPT)),
        *(house.url, "--", str(fleet.paths), "random" if start is None else str(start)),
    ]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    line = re.search(r"^walked (.+)$", ended.stdout, re.MULTILINE)
    if ended.returncode or line is None:
        raise BenchFailed(f"wrk failed: {ended.stderr.strip() or ended.stdout.strip()}")
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line[1])}
