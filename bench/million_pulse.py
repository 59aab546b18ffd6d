"""Pings at a steady pace, whatever the replies take: `python -m bench.million_pulse` in a process of its own.

A load comes in as JSON on stdin and its result leaves on stdout. Each ping has its moment; its latency counts from
then, so a server that stands still is not spared the pings of that time.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.load import BenchFailed, percentile

ROOT = Path(__file__).parent.parent
CONNECTIONS = 32
ANSWERED_WITHIN_S = 30.0


class Pulse(msgspec.Struct, frozen=True):
    """`per_second` pings for `seconds_s`, walking through some keys."""

    port: int
    keys: tuple[str, ...]
    per_second: int
    seconds_s: float


class Beaten(msgspec.Struct, frozen=True):
    """What came back; times are of all pings, those refused included."""

    answered: int
    refused: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


def start(pulse: Pulse) -> subprocess.Popen[bytes]:
    """Begin, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.million_pulse"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(pulse))
    process.stdin.close()
    return process


def result_of(process: subprocess.Popen[bytes]) -> Beaten:
    """Wait for its end."""
    assert process.stdout is not None
    said = process.stdout.read()
    if process.wait():
        raise BenchFailed("the steady pings failed")
    return msgspec.json.decode(said, type=Beaten)


class Connection(asyncio.Protocol):
    """One connection; requests are pipelined, replies come in their order."""

    def __init__(self, latencies_us: list[int], refused: list[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._moments_s: deque[float] = deque()
        self._latencies_us = latencies_us
        self._refused = refused
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry

    def send(self, request: bytes, moment_s: float) -> None:
        self._moments_s.append(moment_s)
        self.transport.write(request)

    @property
    def waiting(self) -> int:
        return len(self._moments_s)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head := self._received.find(b"\r\n\r\n")) >= 0:
            at = self._received.lower().find(b"content-length:")
            length = int(self._received[at + 15 : self._received.index(b"\r\n", at)])
            if len(self._received) < head + 4 + length:
                return
            if self._received[9:12] != b"200":
                self._refused.append(int(self._received[9:12]))
            self._received = self._received[head + 4 + length :]
            self._latencies_us.append(round((self._loop.time() - self._moments_s.popleft()) * 1e6))


async def run(pulse: Pulse) -> Beaten:
    loop = asyncio.get_running_loop()
    latencies_us: list[int] = []
    refused: list[int] = []
    connections = [
        (await loop.create_connection(lambda: Connection(latencies_us, refused), "127.0.0.1", pulse.port))[1]
        for _ in range(CONNECTIONS)
    ]
    started_s = loop.time()
    for number in range(round(pulse.per_second * pulse.seconds_s)):
        moment_s = started_s + number / pulse.per_second
        if (wait_s := moment_s - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        key = pulse.keys[number % len(pulse.keys)]
        request = f"GET /ping/{key} HTTP/1.1\r\nHost: 127.0.0.1:{pulse.port}\r\n\r\n".encode()
        connections[number % CONNECTIONS].send(request, moment_s)
    ends_s = loop.time() + ANSWERED_WITHIN_S
    while any(one.waiting for one in connections) and loop.time() < ends_s:
        await asyncio.sleep(0.01)
    for one in connections:
        one.transport.close()
    # What was never answered took at least as long as it was waited for.
    latencies_us += [round(ANSWERED_WITHIN_S * 1e6)] * sum(one.waiting for one in connections)
    ordered = sorted(latencies_us)
    return Beaten(
        answered=len(ordered) - len(refused),
        refused=len(refused),
        p50_ms=percentile(ordered, 0.5) / 1000,
        p99_ms=percentile(ordered, 0.99) / 1000,
        longest_ms=ordered[-1] / 1000,
    )


def main() -> None:
    pulse = msgspec.json.decode(sys.stdin.buffer.read(), type=Pulse)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(pulse))))


if __name__ == "__main__":
    main()
