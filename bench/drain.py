"""The recorder at its work: it is held while a stream fills, then let go until every row is in `history.db`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice

import httpx

from bench.case import RECORDER, Round
from bench.client import now_ns
from bench.load import BenchFailed, LoadResult
from bench.measure import Server
from bench.recorded import STUCK_MS, Recorded, faults
from bench.requests import batch_body

ITEMS_A_REQUEST = 10_000
LOOK_EVERY_S = 0.02


def measure_drain(
    server: Server, count_rows: Callable[[], int], keys: Sequence[str], pings: int, metrics: bool
) -> Round:
    """1. Hold the recorder. 2. Fill the stream through the batch door. 3. Let go, and wait for the last row."""
    if server.read_recorded is None:
        raise BenchFailed("this server records nothing")
    before = server.read_recorded()
    with _held(server.pids[RECORDER]):
        filled = _fill(server, keys, pings, metrics)
        spent_before, began_ns = server.cpu_us(), now_ns()
    while (written := count_rows() - before.rows) < filled and now_ns() - began_ns < STUCK_MS * 1e6:
        time.sleep(LOOK_EVERY_S)
    elapsed_s = (now_ns() - began_ns) / 1e9
    spent = {part: after - spent_before[part] for part, after in server.cpu_us().items()}
    recorded: Recorded = server.read_recorded().since(before)
    result = LoadResult(answered=written, elapsed_s=elapsed_s)
    return Round(result=result, cpu_us=spent, faults=faults(filled, 0, recorded))


@contextmanager
def _held(pids: Sequence[int]) -> Iterator[None]:
    """Processes stand still; whatever happens, they go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _fill(server: Server, keys: Sequence[str], pings: int, metrics: bool) -> int:
    """Answers how many pings the door says that it has recorded."""
    walk, filled = cycle(keys), 0
    with httpx.Client(base_url=f"http://{server.host}", trust_env=False, timeout=30) as client:
        while filled < pings:
            body = batch_body(islice(walk, min(ITEMS_A_REQUEST, pings - filled)), "NDJSON", metrics)
            reply = client.post("/ping", content=body)
            recorded = reply.json().get("recorded", 0) if reply.status_code == 200 else 0
            if not recorded:
                raise BenchFailed(f"a batch was answered with {reply.status_code}: {reply.text[:200]}")
            filled += recorded
    return filled
