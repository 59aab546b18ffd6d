"""Our own load generator, for machines without wrk: `python -m bench.client` in a process of its own.

A load comes in as MessagePack on stdin and its result leaves on stdout. Requests are ready-made bytes, one in flight
per connection; at the end it sends no more and waits for the replies, so nothing that it sent goes uncounted.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import cycle
from pathlib import Path
from time import perf_counter_ns
from typing import cast

import msgspec
import uvloop

from bench.load import TIMEOUT_S, BenchFailed, Load, LoadResult, percentile

ROOT = Path(__file__).parent.parent


def drive(load: Load) -> LoadResult:
    """Run the load in its own process."""
    command = [sys.executable, "-m", "bench.client"]
    ended = subprocess.run(
        command, check=False, input=msgspec.msgpack.encode(load), capture_output=True, cwd=ROOT
    )
    if ended.returncode:
        raise BenchFailed(f"the load generator failed: {ended.stderr.decode().strip()}")
    return msgspec.msgpack.decode(ended.stdout, type=LoadResult)


def now_ns() -> int:
    """For those who time something shorter than a millisecond."""
    return perf_counter_ns()


def split_reply(received: bytes) -> tuple[int, int] | None:
    """The status and the length of the first reply in what was received; None if it is not all there."""
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head = received[:head_end].lower()
    start = head.find(b"\r\ncontent-length:")
    size = 0 if start < 0 else int(head[start + 17 :].split(b"\r\n", 1)[0])
    length = head_end + 4 + size
    return None if len(received) < length else (int(received[9:12]), length)


class Driver:
    """One run: what is common to its connections."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.requests = cycle(load.requests)
        self.latencies_ns: list[int] = []
        self.refused = 0
        self.errors = 0
        self.ends_ns = 0

    @property
    def is_over(self) -> bool:
        return perf_counter_ns() >= self.ends_ns

    async def run(self) -> LoadResult:
        started_ns = perf_counter_ns()
        self.ends_ns = started_ns + int(self.load.seconds_s * 1e9)
        connections = [Connection(self) for _ in range(self.load.connections)]
        for connection in connections:
            connection.open()
        ends = [connection.ended for connection in connections]
        _, stuck = await asyncio.wait(ends, timeout=self.load.seconds_s + TIMEOUT_S)
        self.errors += len(stuck)
        return self.result((perf_counter_ns() - started_ns) / 1e9)

    def note_reply(self, status: int, latency_ns: int) -> None:
        if 200 <= status < 300:
            self.latencies_ns.append(latency_ns)
        else:
            self.refused += 1

    def result(self, elapsed_s: float) -> LoadResult:
        ordered = sorted(self.latencies_ns)
        return LoadResult(
            answered=len(ordered),
            refused=self.refused,
            errors=self.errors,
            elapsed_s=elapsed_s,
            p50_ms=percentile(ordered, 0.50) / 1e6,
            p99_ms=percentile(ordered, 0.99) / 1e6,
        )


class Connection(asyncio.Protocol):
    """One connection after the other, one request in flight. What is in flight when the server closes is an error."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.received = b""
        self.sent_ns = 0
        self.waiting = False

    def open(self) -> None:
        self.opening = self.loop.create_task(self._open())

    async def _open(self) -> None:
        try:
            await self.loop.create_connection(lambda: self, "127.0.0.1", self.driver.load.port)
        except OSError:
            self.driver.errors += 1
            self.ended.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry
        self.send()

    def send(self) -> None:
        if self.driver.is_over:
            self.transport.close()
            return
        self.waiting = True
        self.sent_ns = perf_counter_ns()
        self.transport.write(next(self.driver.requests))

    def data_received(self, data: bytes) -> None:
        self.received += data
        reply = split_reply(self.received)
        if reply is None:
            return
        status, length = reply
        self.received = self.received[length:]
        self.waiting = False
        took_ns = perf_counter_ns() - self.sent_ns
        self.driver.note_reply(status, took_ns)
        if self.driver.load.closes:
            self.transport.close()
        elif self.driver.load.every_s:
            self.loop.call_later(max(0.0, self.driver.load.every_s - took_ns / 1e9), self.send)
        else:
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting:
            self.waiting = False
            self.driver.errors += 1
        if self.driver.load.closes and not self.driver.is_over:
            self.open()
        elif not self.ended.done():
            self.ended.set_result(None)


def main() -> None:
    load = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Load)
    result = uvloop.run(Driver(load).run())
    sys.stdout.buffer.write(msgspec.msgpack.encode(result))


if __name__ == "__main__":
    main()
