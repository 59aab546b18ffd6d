"""The listening socket: bound once, and refused with the name of the setting to change."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from overdue.listen import listen, reachable_host
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
