"""A lone sender: few requests, far apart, so that nothing can be shared. Only their time counts.

All such cases of a round run side by side, half a turn apart: each has a server of its own, which idles in between.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench import client
from bench.case import Round
from bench.load import Load, LoadResult
from bench.measure import Server, failures
from bench.recorded import faults, settle

EVERY_S = 0.5


def measure_lone(servers: Sequence[Server], loads: Sequence[Load]) -> list[Round]:
    """Drive each load at its server, always with our own client: wrk knows no pauses."""
    before = [server.read_recorded() if server.read_recorded else None for server in servers]
    with ThreadPoolExecutor(len(loads)) as pool:
        results = list(pool.map(_drive, loads, range(len(loads))))
    rounds = []
    for server, former, result in zip(servers, before, results, strict=True):
        found = failures(result)
        if server.read_recorded and former:
            found += faults(result.answered, 0, settle(server.read_recorded, former))
        rounds.append(Round(result=result, cpu_us={}, faults=found))
    return rounds


def _drive(load: Load, place: int) -> LoadResult:
    time.sleep(place * EVERY_S / 2)
    return client.drive(msgspec.structs.replace(load, every_s=EVERY_S))
