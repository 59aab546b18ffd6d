"""A proxy between a client and a server that does what networks do at their worst, when the test says so."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CHUNK_BYTES = 65_536


class FaultProxy:
    """Listens on a Unix socket, or without a path on a port of its own, and forwards to a `unix://` or TCP URL.

    `delay_s`: each request waits that long, or each that contains `delays`. `hold_replies`: requests are forwarded,
    their replies stay here until it is False again. `black_hole`: everything is taken and nothing is forwarded.
    `lose_replies(n)`: the next n requests are forwarded, their replies are lost with the connection. `cut()` cuts what
    is connected; `refuse()` also lets nobody connect until `accept()`.
    """

    def __init__(self, path: Path | None, target: str) -> None:
        self.delay_s = 0.0
        self.delays = b""
        self.hold_replies = False
        self.black_hole = False
        self.forwarded = 0
        self.held = 0
        self.lost = 0
        self._path = path
        self._target = urlsplit(target)
        self._port = 0
        self._to_lose = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where to connect; on a port, with the rest of the target's URL. Known once it was opened."""
        if self._path is not None:
            return f"unix://{self._path}"
        return self._target._replace(netloc=f"127.0.0.1:{self._port}").geturl()

    async def __aenter__(self) -> FaultProxy:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def lose_replies(self, count: int) -> None:
        """The next `count` replies are lost, and with each its connection."""
        self._to_lose = count

    def cut(self) -> None:
        """Cut every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    def refuse(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server:
            self._server.close()
            self._server = None
            if self._path is not None:
                self._path.unlink(missing_ok=True)
        self.cut()

    async def accept(self) -> None:
        """Let clients connect (again)."""
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._begin, self._path)
            return
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve((reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> Streams:
        if self._target.scheme == "unix":
            return await asyncio.open_unix_connection(self._target.path)
        return await asyncio.open_connection(self._target.hostname, self._target.port or 6379)

    async def _serve(self, client: Streams) -> None:
        opened = [client[1]]
        self._open.add(client[1])
        try:
            server = await self._connect()
            opened.append(server[1])
            self._open.add(server[1])
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._requests(client[0], server[1]))
                pumps.create_task(self._replies(server[0], client[1]))
        except (OSError, ExceptionGroup):
            pass  # either side is gone: so is the connection
        finally:
            for writer in opened:
                self._open.discard(writer)
                writer.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(CHUNK_BYTES):
            await asyncio.sleep(self.delay_s if self.delays in request else 0)
            if not self.black_hole:
                self.forwarded += 1
                writer.write(request)
                await writer.drain()
        raise ConnectionResetError

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while reply := await reader.read(CHUNK_BYTES):
            if self._to_lose:
                self._to_lose -= 1
                self.lost += 1
                break
            with contextlib.ExitStack() as done:
                self.held += 1
                done.callback(self._let_go)
                while self.hold_replies:
                    await asyncio.sleep(0.005)
            writer.write(reply)
            await writer.drain()
        raise ConnectionResetError

    def _let_go(self) -> None:
        self.held -= 1
