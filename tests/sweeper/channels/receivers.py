"""The cast: receivers of webhooks on loopback, down to the raw bytes of their answers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

SECRET = "whsec_" + "b3ZlcmR1ZSBpcyBhIGRlYWQgbWFuJ3Mgc3dpdGNoISE="


class Call(msgspec.Struct, frozen=True):
    """One request as it came in; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """A listener that notes every connection and every call, and answers as it is told."""

    def __init__(self, reply: Reply) -> None:
        self.connections = 0
        self.calls: list[Call] = []
        self.closed = asyncio.Event()
        self.host = ""
        self.port = 0
        self._reply = reply

    def url(self, host: str | None = None, scheme: str = "http") -> str:
        return f"{scheme}://{host or self.host}:{self.port}/hook?team=a"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (call := await _read_call(reader)) is not None:
                self.calls.append(call)
                await self._reply(writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over; a polite end of TLS would take half a minute
            raise
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            self.closed.set()


async def _read_call(reader: asyncio.StreamReader) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    line, *rows = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    return Call(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def receiving(
    reply: Reply, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver, for as long as the block lasts."""
    receiver = Receiver(reply)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(accept, host, port, ssl=tls)
    receiver.host, receiver.port = server.sockets[0].getsockname()[:2]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(status: int, *headers: str, body: bytes = b"") -> Reply:
    """A well-behaved answer."""
    rows = (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers)
    return sending("\r\n".join(rows).encode() + b"\r\n\r\n" + body)


def sending(answer: bytes) -> Reply:
    """These very bytes, and the connection stays open."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return reply


def dripping(answer: bytes, every_s: float) -> Reply:
    """These bytes, one at a time."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every_s)

    return reply


async def hanging(writer: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await asyncio.Event().wait()


class Names:
    """A name server that answers from a script: one entry for each question, the last one for ever."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]
