"""A slow name server holds up those who ask it, and nobody else."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from sweeper.channels.names import SystemNames


class SlowServer:
    """A name server that answers `.slow` names only when the test says so, and others at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.awake = threading.Event()

    def getaddrinfo(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        if host.endswith(".slow"):
            self.awake.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowServer]:
    slow = SlowServer()
    monkeypatch.setattr(socket, "getaddrinfo", slow.getaddrinfo)
    yield slow
    slow.awake.set()


async def test_a_number_is_its_own_address() -> None:
    assert await SystemNames()("2130706433", 80) == ["127.0.0.1"]


async def test_a_name_that_cannot_be_written_is_an_error_that_the_guard_knows() -> None:
    with pytest.raises(ValueError, match="label"):
        await SystemNames()("a" * 70 + ".example", 80)


async def test_many_slow_names_do_not_delay_another(server: SlowServer) -> None:
    names = SystemNames()
    slow = [asyncio.ensure_future(names(f"{n}.slow", 80)) for n in range(40)]

    async with asyncio.timeout(5):
        assert await names("quick.example", 80) == ["192.0.2.1"]

    server.awake.set()
    assert await asyncio.gather(*slow) == [["192.0.2.1"]] * 40


async def test_a_lookup_keeps_its_place_until_it_ends_even_if_nobody_waits(server: SlowServer) -> None:
    names = SystemNames(max_lookups=2)
    for n in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await names(f"{n}.slow", 80)
    third = asyncio.ensure_future(names("third.example", 80))
    await asyncio.sleep(0.05)
    assert server.asked == ["0.slow", "1.slow"]

    server.awake.set()

    async with asyncio.timeout(5):
        assert await third == ["192.0.2.1"]
