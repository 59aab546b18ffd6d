"""Drives a load with wrk, in one thread, and reads the line that `walk.lua` prints at the end.

wrk closes its connections when the time is over, whether a reply is on its way or not: up to one request a
connection may have been carried out without being counted as answered.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from bench.load import TIMEOUT_S, BenchFailed, Load, LoadResult
from bench.requests import write_requests

WALK = Path(__file__).with_name("walk.lua")


def drive(load: Load) -> LoadResult:
    """Run wrk to its end. Its time is whole seconds, at least one."""
    with tempfile.TemporaryDirectory(prefix="overdue-bench-") as folder:
        requests = Path(folder, "requests")
        write_requests(requests, load.requests)
        ended = subprocess.run(command(load, requests), check=False, capture_output=True, text=True)
    if ended.returncode:
        raise BenchFailed(f"wrk failed: {ended.stderr.strip() or ended.stdout.strip()}")
    return parse(ended.stdout, load.connections)


def command(load: Load, requests: Path) -> list[str]:
    seconds_s = max(1, round(load.seconds_s))
    options = ["-t", "1", "-c", str(load.connections), "-d", f"{seconds_s}s", "--timeout", f"{TIMEOUT_S}s"]
    return ["wrk", *options, "-s", str(WALK), f"http://{load.host}", "--", str(requests)]


def parse(output: str, connections: int) -> LoadResult:
    """The result in wrk's output. Raises BenchFailed if the line is not there."""
    line = re.search(r"^walked (.+)$", output, re.MULTILINE)
    if line is None:
        raise BenchFailed(f"wrk ended without a result: {output.strip()!r}")
    found = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line[1])}
    return LoadResult(
        answered=found["requests"] - found["status"],
        refused=found["status"],
        errors=found["connect"] + found["read"] + found["write"] + found["timeout"],
        elapsed_s=found["duration"] / 1e6,
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
        cut=connections,
    )
