"""What another process on the port leaves waiting is taken, after it has had the time to take it itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from ingest.neighbours import Neighbours


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


async def read_all(client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
    reader, writer = client
    async with asyncio.timeout(5):
        said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


async def test_a_client_that_waits_at_two_looks_in_a_row_is_served(listener: socket.socket) -> None:
    neighbours = Neighbours([listener], Greeter)
    clients = [await asyncio.open_connection(*listener.getsockname()) for _ in range(3)]
    neighbours.look()
    neighbours.look()
    assert [await read_all(client) for client in clients] == [b"hello"] * 3


async def test_a_client_that_has_just_come_is_left_to_its_own_process(listener: socket.socket) -> None:
    neighbours = Neighbours([listener], Greeter)
    for _ in range(2):
        client = await asyncio.open_connection(*listener.getsockname())
        neighbours.look()
        served, _ = listener.accept()
        neighbours.look()
        with served:
            served.sendall(b"mine")
        assert await read_all(client) == b"mine"


async def test_a_socket_that_fails_stops_nobody(listener: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        neighbours = Neighbours([listener, other], Greeter)
        client = await asyncio.open_connection(*other.getsockname())
        listener.shutdown(socket.SHUT_RDWR)
        neighbours.look()
        neighbours.look()
        assert await read_all(client) == b"hello"
