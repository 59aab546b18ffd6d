"""Raw bytes to a server and its answers read back, so that nothing polishes what a test sends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """One response: its status, its headers but for `date`, its body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


async def read_answer(reader: asyncio.StreamReader, *, head: bool = False) -> Answer | None:
    """The next response; None when the server has closed the connection."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    status = int(first.split(" ")[1])
    length = int(dict(headers).get("content-length", "0"))
    body = await reader.readexactly(length) if length and not head and status >= 200 else b""
    return Answer(status, tuple(pair for pair in headers if pair[0] != "date"), body)


async def talk(
    port: int, pieces: Sequence[bytes], answers: int, *, heads: Sequence[int] = (), patience_s: float = 0.05
) -> tuple[list[Answer], bool]:
    """Send pieces one by one on one connection; the answers that came, and whether the server closed it then.

    `heads` are the numbers of the answers that belong to HEAD requests; `patience_s` is how long to wait for the
    server to close.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if len(pieces) > 1:
                    await asyncio.sleep(0)
            got: list[Answer] = []
            for number in range(answers):
                answer = await read_answer(reader, head=number in heads)
                if answer is None:
                    return got, True
                got.append(answer)
            return got, await _is_closed(reader, patience_s)
    finally:
        writer.close()


async def _is_closed(reader: asyncio.StreamReader, patience_s: float) -> bool:
    try:
        async with asyncio.timeout(patience_s):
            return await reader.read(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
