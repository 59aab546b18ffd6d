"""A fleet of jobs: each pings on its own schedule over a keep-alive connection of its own, and notes the answers.

Every ping carries a number of its own in its query, by which it is found again in history.db.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from store.clock import wall_ms

ANSWER_S = 15.0
PAUSE_S = 0.05
RATE_WINDOW_MS = 1000


class Job(msgspec.Struct, frozen=True):
    """Who pings, and how often. `key` is the monitor's ping key."""

    key: str
    every_s: float


class Ping(msgspec.Struct, frozen=True):
    """A ping that was answered, whatever the answer was."""

    number: int
    key: str
    status: int
    sent_ms: int
    answered_ms: int


class Fleet:
    """The jobs and what became of their pings. Pings that got no answer are not in `answers`, and are not repeated."""

    def __init__(self, port: int) -> None:
        self.answers: list[Ping] = []
        self.unanswered = 0
        self.loop = asyncio.new_event_loop()
        self.stopping = asyncio.Event()
        self._port = port
        self._numbers = wall_ms() * 1000  # no two fleets use the same
        self._tasks: dict[Job, asyncio.Task[None]] = {}

    def add(self, *jobs: Job, phase_s: float | None = None) -> None:
        """These ping from now on; the first time after `phase_s`, else spread over their period."""
        for number, job in enumerate(jobs):
            wait_s = job.every_s * number / len(jobs) if phase_s is None else phase_s
            self.loop.call_soon_threadsafe(self._begin, job, wait_s)

    def silence(self, *jobs: Job) -> None:
        """These fall silent; a ping that is under way is cut off."""
        for job in jobs:
            self.loop.call_soon_threadsafe(self._end, job)

    def good(self, since_ms: int = 0) -> list[Ping]:
        """The pings that were answered 200."""
        return [one for one in list(self.answers) if one.status == 200 and one.answered_ms >= since_ms]

    def wrong(self) -> list[Ping]:
        """The pings that were answered otherwise than with 200 or 503."""
        return [one for one in list(self.answers) if one.status not in {200, 503}]

    def rate(self) -> int:
        """How many pings were answered 200 in the last second."""
        since_ms, count = wall_ms() - RATE_WINDOW_MS, 0
        for one in reversed(self.answers):
            if one.answered_ms < since_ms:
                break
            count += one.status == 200
        return count

    async def run(self) -> None:
        """Ping until told to stop; pings under way are cut off then."""
        await self.stopping.wait()
        for task in self._tasks.values():
            task.cancel()
        ended = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        failed = [one for one in ended if isinstance(one, Exception)]
        if failed:
            raise failed[0]

    def _begin(self, job: Job, wait_s: float) -> None:
        self._tasks[job] = self.loop.create_task(self._work(job, self.loop.time() + wait_s))

    def _end(self, job: Job) -> None:
        self._tasks[job].cancel()

    async def _work(self, job: Job, due_s: float) -> None:
        connection = _Connection(self._port)
        try:
            while True:
                await asyncio.sleep(due_s - self.loop.time())
                await self._ping(connection, job)
                # What was missed is missed: the next ping comes when it would have come anyway.
                missed = max(0, (self.loop.time() - due_s) // job.every_s)
                due_s += (missed + 1) * job.every_s
        finally:
            connection.close()

    async def _ping(self, connection: _Connection, job: Job) -> None:
        self._numbers += 1
        number, sent_ms = self._numbers, wall_ms()
        try:
            async with asyncio.timeout(ANSWER_S):
                status = await connection.exchange(_request(job.key, number))
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self.unanswered += 1
            connection.close()
            await asyncio.sleep(PAUSE_S)
        else:
            self.answers.append(Ping(number, job.key, status, sent_ms, wall_ms()))


@contextmanager
def pinging(port: int, *jobs: Job) -> Iterator[Fleet]:
    """A fleet in a thread of its own, for as long as the block lasts."""
    fleet = Fleet(port)
    thread = threading.Thread(target=lambda: fleet.loop.run_until_complete(fleet.run()), name="fleet")
    thread.start()
    fleet.add(*jobs)
    try:
        yield fleet
    finally:
        fleet.loop.call_soon_threadsafe(fleet.stopping.set)
        thread.join()
        fleet.loop.close()


class _Connection:
    """One keep-alive connection, opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, request: bytes) -> int:
        """Send a request and read the whole reply; its status."""
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # it stood idle for too long
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _request(key: str, number: int) -> bytes:
    """Every other ping goes to the other door, with a body."""
    if number % 2:
        return f"GET /ping/{key}?n={number} HTTP/1.1\r\nHost: od\r\n\r\n".encode()
    body = f"number {number}"
    return (
        f"POST /api/v1/heartbeat/{key}?n={number} HTTP/1.1\r\nHost: od\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
