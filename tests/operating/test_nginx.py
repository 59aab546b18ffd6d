"""The reverse proxy of the book, as it is shipped, in a real nginx before a real house."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.operating.proxy import NGINX, Proxy, proxying
from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House, free_port, keeping_house
from tests.system.waiting import until

needs_nginx = pytest.mark.skipif(
    NGINX is None or shutil.which("openssl") is None,
    reason="nginx or openssl is not installed (Debian's packages nginx-light and openssl)",
)
pytestmark = needs_nginx


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with keeping_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def api(house: House) -> Iterator[Api]:
    api = Api(house.url)
    yield api
    api.close()


@pytest.fixture(scope="module")
def proxy(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxying(tmp_path_factory.mktemp("nginx"), house.port) as proxy:
        yield proxy


def ask(
    connection: HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Any]:
    """One request; status and body, read as JSON if it is."""
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    content = reply.read()
    if reply.headers.get("content-type") == "application/json":
        return reply.status, json.loads(content)
    return reply.status, content.decode()


def test_nginx_takes_the_shipped_file(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, free_port())
    checked = subprocess.run([*proxy.command, "-t"], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_a_ping_carries_the_clients_own_address(proxy: Proxy, api: Api) -> None:
    monitor = api.monitor(60)
    connection = proxy.connect("127.0.0.2")
    spoofed = {"X-Forwarded-For": "203.0.113.9"}

    assert ask(connection, "POST", f"/ping/{monitor['key']}", b"{}", **spoofed) == (200, {"ok": True})
    connection.close()
    (ping,) = until(lambda: api.pings(monitor["id"]), 10, "the ping is in the history")
    assert ping["from"] == "127.0.0.2"
    assert ping["host"] == f"127.0.0.1:{proxy.secure}"


def test_a_ping_url_that_is_handed_out_leads_through_the_proxy(proxy: Proxy) -> None:
    connection = proxy.connect()
    made = ask(connection, "POST", "/api/monitors", b'{"name": "job"}', **{"x-api-key": ADMIN_KEY})
    connection.close()

    assert made[0] == 201
    assert made[1]["pingUrl"].startswith(f"{proxy.url}/ping/")


def test_people_can_sign_in_and_other_sites_cannot_do_it_for_them(proxy: Proxy) -> None:
    with httpx.Client(base_url=proxy.url, verify=proxy.trust, trust_env=False) as browser:
        foreign = browser.post(
            "/sign-in", data={"key": ADMIN_KEY}, headers={"origin": "https://elsewhere.example"}
        )
        assert foreign.status_code == 403
        entered = browser.post("/sign-in", data={"key": ADMIN_KEY}, headers={"origin": proxy.url})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        assert "secure" in entered.headers["set-cookie"].lower()
        assert browser.get("/").status_code == 200
        assert browser.get("/").headers["strict-transport-security"]


def test_connections_are_kept_on_both_sides(house: House, api: Api, tmp_path: Path) -> None:
    key = api.monitor(60)["key"]
    with proxying(tmp_path, house.port) as proxy:
        connection, before = proxy.connect(), connections_to(house.port)
        assert ask(connection, "GET", f"/ping/{key}")[0] == 200
        outside, inside = connection.sock, connections_to(house.port) - before
        for _ in range(20):
            assert ask(connection, "GET", f"/ping/{key}")[0] == 200

        assert connection.sock is outside
        assert len(inside) == 1
        assert connections_to(house.port) - before == inside
        connection.close()


def connections_to(port: int) -> set[str]:
    """The near ends of the open connections to a port of this machine."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        near, far, state = line.split()[1:4]
        if far.endswith(f":{port:04X}") and state == "01":
            found.add(near)
    return found


def test_a_body_that_is_too_large_is_refused_by_nginx(proxy: Proxy) -> None:
    connection = proxy.connect()
    status, said = ask(connection, "POST", "/ping", b" " * (1024 * 1024 + 1))
    connection.close()

    assert status == 413
    assert "nginx" in said


def test_a_ping_with_a_large_body_is_still_a_sign_of_life(proxy: Proxy, api: Api) -> None:
    monitor = api.monitor(60)
    connection = proxy.connect()
    status, said = ask(connection, "POST", f"/ping/{monitor['key']}", b" " * (2 * 1024 * 1024))
    connection.close()

    assert (status, said["alive"]) == (413, True)
    assert api.status(monitor["id"]) == "up"


def test_a_ping_without_tls_is_refused_and_a_page_is_sent_to_tls(proxy: Proxy, api: Api) -> None:
    monitor = api.monitor(60)
    connection = proxy.connect_plainly()
    assert ask(connection, "GET", f"/ping/{monitor['key']}")[0] == 403
    assert ask(connection, "GET", "/incidents")[0] == 301
    connection.close()

    assert api.status(monitor["id"]) == "new"


def test_the_figures_of_overdue_are_not_shown_to_the_world(proxy: Proxy) -> None:
    connection = proxy.connect()
    assert ask(connection, "GET", "/metrics")[0] == 403
    connection.close()


def test_no_log_holds_a_ping_key_even_when_overdue_is_away(api: Api, tmp_path: Path) -> None:
    key = api.monitor(60)["key"]
    with proxying(tmp_path, free_port()) as proxy:
        connection, plain = proxy.connect(), proxy.connect_plainly()
        assert ask(connection, "GET", f"/ping/{key}")[0] == 502
        assert ask(connection, "GET", f"//api/v1/heartbeat/{key}?x=1")[0] == 502
        assert ask(plain, "GET", f"//ping/{key}")[0] == 403
        assert ask(connection, "GET", "/incidents")[0] == 502
        connection.close()
        plain.close()
        until(lambda: "/incidents" in proxy.logged(), 5, "what is no secret is logged")
        assert key not in proxy.logged()
        assert "/ping/***" in proxy.logged()
