"""The last step before the network: resolve a name once, judge its addresses, connect to the ones judged.

It sits beneath HTTP and TLS, so SNI, the certificate check and the Host header still see the name, while
nothing that a name server says later (rebinding) can move the connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any

import httpcore

from store.settings import IPNetwork
from sweeper.channels.addresses import IPAddress, is_allowed
from sweeper.channels.names import Resolver

# A host with several addresses gets this long at each but the last, so that one dead address does not use up
# the attempt.
ADDRESS_PATIENCE_S = 3.0


class NoSuchHost(httpcore.ConnectError):
    """The name has no address."""


class AddressRefused(httpcore.ConnectError):
    """The name leads, with at least one of its addresses, where channels may not go."""


class AnswerTooLong(httpcore.ReadError):
    """The receiver sends more than we are willing to read."""


class Guard(httpcore.AsyncNetworkBackend):
    """The only way out: TCP to addresses that are allowed. There are no Unix sockets here."""

    def __init__(
        self,
        private_targets: tuple[IPNetwork, ...],
        resolver: Resolver,
        answer_limit_bytes: int,
        network: httpcore.AsyncNetworkBackend,
    ) -> None:
        self._private_targets = private_targets
        self._resolver = resolver
        self._answer_limit_bytes = answer_limit_bytes
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, judge, connect.

        1. Ask the resolver once.
        2. Refuse if any of its answers is not allowed: a mixed answer is an attack or a mistake.
        3. Connect to those answers, in their order, until one accepts.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._judged_addresses(host, port)
                stream = await self._first_to_accept(addresses, port, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no connection in time") from error
        return BoundedStream(stream, self._answer_limit_bytes)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("Unix sockets are not reachable from a channel")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _judged_addresses(self, host: str, port: int) -> Sequence[IPAddress]:
        try:
            answers = await self._resolver(host, port)
        except (OSError, ValueError, OverflowError) as error:
            raise NoSuchHost("the name cannot be resolved") from error
        addresses = [ip_address(text) for text in answers]
        if not addresses:
            raise NoSuchHost("the name has no address")
        if not all(is_allowed(address, self._private_targets) for address in addresses):
            raise AddressRefused("the name leads to an address that is not allowed")
        return addresses

    async def _first_to_accept(
        self,
        addresses: Sequence[IPAddress],
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    str(address), port, ADDRESS_PATIENCE_S, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(str(addresses[-1]), port, None, local_address, socket_options)


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that reads so many bytes in answer to a request, headers and framing included; no more."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, limit_bytes: int) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes
        self._left_bytes = limit_bytes

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._left_bytes <= 0:
            raise AnswerTooLong("the answer is too long")
        data = await self._stream.read(min(max_bytes, self._left_bytes), timeout)
        self._left_bytes -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._left_bytes = self._limit_bytes  # HTTP/1.1 takes turns: what is read from here on answers this
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            # httpcore closes the connection when the handshake fails, but not when it is cancelled, which is
            # how the time of an attempt ends: without this a receiver that hangs here would keep its socket.
            await self._stream.aclose()
            raise
        return BoundedStream(stream, self._limit_bytes)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
