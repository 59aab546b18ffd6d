"""One bare connection to Redis for the ping path: packed bytes out, one reply back, nothing in between.

redis-py would do, but its streams and tasks cost more per batch than the script itself; here a call is one write, one
read and one future. Parsing is hiredis', the URL is read by redis-py.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

_ERRORS: dict[str, type[RedisError]] = {
    "NOSCRIPT": NoScriptError,
    "LOADING": BusyLoadingError,
    "READONLY": ReadOnlyError,
    "MASTERDOWN": ConnectionError,
    "NOAUTH": ConnectionError,
    "WRONGPASS": ConnectionError,
}


class Wire(asyncio.Protocol):
    """One connection. Calls must not overlap; whoever is cut off in the middle of one closes it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[Any] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(ConnectionError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        reply = self._reader.gets()
        if reply is not False and self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)

    async def exchange(self, packed: bytes, within_s: float) -> Any:
        """Send a packed command and wait for its reply.

        Raises:
            RedisError: what the server said, or that the connection or the reply was lost; then it is closed.
        """
        if self._transport is None:
            raise ConnectionError("not connected")
        self._reply = self._loop.create_future()
        timer = self._loop.call_later(within_s, self._give_up)
        try:
            self._transport.write(packed)
            reply = await self._reply
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._reply = None
        if isinstance(reply, hiredis.ReplyError):
            raise _error(str(reply))
        return reply

    def close(self) -> None:
        """Cut the connection; a reply that is still on its way is never read."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _give_up(self) -> None:
        self._end(RedisTimeoutError("no reply in time"))

    def _end(self, error: RedisError) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)


async def open_wire(url: str, within_s: float) -> Wire:
    """Connect as the URL says, with its user, password and database. Raises RedisError or OSError."""
    options: dict[str, Any] = dict(parse_url(url))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within_s):
            if path := options.get("path"):
                _, wire = await loop.create_unix_connection(Wire, path)
            else:
                host, port = options.get("host", "localhost"), options.get("port", 6379)
                _, wire = await loop.create_connection(Wire, host, port, ssl=_tls(options))
    except TimeoutError as error:
        raise RedisTimeoutError("could not connect in time") from error
    try:
        for command in _greeting(options):
            await wire.exchange(pack(*command), within_s)
    except BaseException:
        wire.close()
        raise
    return wire


def pack(*parts: str | bytes | int | float) -> bytes:
    """A command as Redis reads it."""
    packed: bytes = hiredis.pack_command(parts)  # type: ignore[arg-type]
    return packed


def _tls(options: dict[str, Any]) -> ssl.SSLContext | None:
    """The TLS context that redis-py would use for this URL."""
    if options.pop("connection_class", None) is not SSLConnection:
        return None
    context: ssl.SSLContext = SSLConnection(**options).ssl_context.get()
    return context


def _greeting(options: dict[str, Any]) -> list[tuple[str, ...]]:
    commands: list[tuple[str, ...]] = []
    if password := options.get("password"):
        username = options.get("username")
        commands.append(("AUTH", username, password) if username else ("AUTH", password))
    if database := options.get("db", 0):
        commands.append(("SELECT", str(database)))
    return commands


def _error(text: str) -> RedisError:
    return _ERRORS.get(text.split(" ", 1)[0], ResponseError)(text)
