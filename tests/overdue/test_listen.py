"""The listening socket: bound once, and refused with the name of the setting to change."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from overdue.listen import listen, listen_together, reachable_host
from store.errors import SettingError
from tests.overdue.processes import free_port


def test_it_listens_and_queues_clients_before_anyone_accepts() -> None:
    with listen("127.0.0.1", free_port()) as listener:
        socket.create_connection(listener.getsockname(), timeout=2).close()


def test_a_port_in_use_is_refused_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overdue.listen.IN_USE_BOUND_MS", 100)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingError, match=f"OVERDUE_PORT: port {port} is in use by another program"):
            listen("127.0.0.1", port)


def test_a_port_that_becomes_free_in_time_is_taken() -> None:
    other = socket.create_server(("127.0.0.1", 0))
    port = other.getsockname()[1]

    def free() -> None:
        time.sleep(0.3)
        other.close()

    freeing = threading.Thread(target=free)
    freeing.start()
    listen("127.0.0.1", port).close()
    freeing.join()


def test_connections_are_dealt_out_between_the_sockets_of_several_workers() -> None:
    listeners = listen_together("127.0.0.1", free_port(), 4)
    clients = [socket.create_connection(listeners[0].getsockname(), timeout=2) for _ in range(64)]
    dealt = [len(list(accepted(listener))) for listener in listeners]
    assert sum(dealt) == 64
    assert min(dealt) >= 4  # 16 each on average; fewer than 4 in one of a million runs
    for one in (*clients, *listeners):
        one.close()


def accepted(listener: socket.socket) -> Iterator[None]:
    """One for each that waits."""
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return
        yield


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1), (2, 2)])
def test_several_sockets_on_a_port_do_not_let_a_second_start_join_them(
    monkeypatch: pytest.MonkeyPatch, first: int, second: int
) -> None:
    monkeypatch.setattr("overdue.listen.IN_USE_BOUND_MS", 100)
    port = free_port()
    listeners = listen_together("127.0.0.1", port, first)
    with pytest.raises(SettingError, match=f"OVERDUE_PORT: port {port} is in use by another program"):
        listen_together("127.0.0.1", port, second)
    for one in listeners:
        one.close()
    for one in listen_together("127.0.0.1", port, second):
        one.close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingError, match=r"OVERDUE_HOST: 192\.0\.2\.1 is not an address of this machine"):
        listen("192.0.2.1", free_port())


def test_a_host_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingError, match="OVERDUE_HOST: 'no such' is not a host name"):
        listen("no such", free_port())


@pytest.mark.parametrize(
    ("host", "url_host"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.1.2.3", "10.1.2.3")],
)
def test_the_address_shown_is_one_that_can_be_reached(host: str, url_host: str) -> None:
    assert reachable_host(host) == url_host
