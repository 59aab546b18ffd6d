"""No outgoing connection leaves the allowed address space, by whatever name it is asked for."""

from __future__ import annotations

from ipaddress import ip_network

import httpcore
import httpx
import pytest

from sweeper.channels.guard import AddressRefused, Guard
from sweeper.channels.transport import GuardedTransport
from tests.sweeper.channels.conftest import OpenWebhook, send
from tests.sweeper.channels.receivers import Names, answering, receiving

REFUSED = "the address is private or reserved, and OVERDUE_PRIVATE_TARGETS does not allow it"

# Each of these is 127.0.0.1 or another address of this machine to the system's resolver.
DISGUISES = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0",
    "localhost",
    "LOCALHOST",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "example.com@127.0.0.1",
    "example.com:80@127.0.0.1",
)

# And these are addresses that no resolver has to be asked for.
INTERNAL = ("10.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "[64:ff9b::7f00:1]")


@pytest.mark.parametrize("host", DISGUISES)
async def test_an_internal_listener_accepts_nothing_by_any_name(open_webhook: OpenWebhook, host: str) -> None:
    async with receiving(answering(200)) as internal:
        attempt = await send(open_webhook(), internal.url(host))

    assert (attempt.outcome, attempt.status, attempt.reason) == ("retry", None, REFUSED)
    assert internal.connections == 0


@pytest.mark.parametrize("host", INTERNAL)
async def test_an_internal_address_is_refused_before_anything_is_sent(
    open_webhook: OpenWebhook, host: str
) -> None:
    attempt = await send(open_webhook(), f"http://{host}/")

    assert (attempt.outcome, attempt.reason) == ("retry", REFUSED)


async def test_an_octal_host_is_refused_before_it_is_resolved(open_webhook: OpenWebhook) -> None:
    async with receiving(answering(200)) as internal:
        attempt = await send(open_webhook(), internal.url("0177.0.0.1"))

    assert (attempt.outcome, attempt.reason) == ("retry", "the URL cannot be read")
    assert internal.connections == 0


async def test_a_trailing_dot_changes_nothing(open_webhook: OpenWebhook) -> None:
    names = Names(("127.0.0.1",))
    async with receiving(answering(200)) as internal:
        attempt = await send(open_webhook(resolver=names), internal.url("internal.example."))

    assert (names.asked, attempt.reason) == (["internal.example."], REFUSED)
    assert internal.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_an_allowed_network_is_reached_by_any_name(open_webhook: OpenWebhook, host: str) -> None:
    async with receiving(answering(200)) as receiver:
        attempt = await send(open_webhook("127.0.0.0/8"), receiver.url(host))

    assert attempt.outcome == "delivered"
    assert receiver.connections == 1


async def test_a_name_that_is_rebound_after_the_check_leads_to_the_address_checked(
    open_webhook: OpenWebhook,
) -> None:
    names = Names(("127.0.0.2",), ("127.0.0.1",))
    async with (
        receiving(answering(200), host="127.0.0.2") as public,
        receiving(answering(200), host="127.0.0.1", port=public.port) as internal,
    ):
        attempt = await send(open_webhook("127.0.0.2/32", resolver=names), public.url("rebind.example"))

    assert attempt.outcome == "delivered"
    assert public.calls[0].headers["host"] == f"rebind.example:{public.port}"
    assert (names.asked, internal.connections) == (["rebind.example"], 0)


async def test_a_name_that_is_rebound_between_attempts_is_refused(open_webhook: OpenWebhook) -> None:
    names = Names(("127.0.0.2",), ("127.0.0.1",))
    webhook = open_webhook("127.0.0.2/32", resolver=names)
    async with (
        receiving(answering(200, "Connection: close"), host="127.0.0.2") as public,
        receiving(answering(200), host="127.0.0.1", port=public.port) as internal,
    ):
        await send(webhook, public.url("rebind.example"))
        attempt = await send(webhook, public.url("rebind.example"))

    assert attempt.reason == REFUSED
    assert (len(names.asked), internal.connections) == (2, 0)


@pytest.mark.parametrize("answer", [("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")])
async def test_one_private_address_among_public_ones_refuses_them_all(
    open_webhook: OpenWebhook, answer: tuple[str, ...]
) -> None:
    webhook = open_webhook("127.0.0.2/32", resolver=Names(answer))
    async with (
        receiving(answering(200), host="127.0.0.2") as public,
        receiving(answering(200), host="127.0.0.1", port=public.port) as internal,
    ):
        attempt = await send(webhook, public.url("mixed.example"))

    assert attempt.reason == REFUSED
    assert (public.connections, internal.connections) == (0, 0)


async def test_the_next_address_of_a_name_is_tried_when_the_first_is_dead(open_webhook: OpenWebhook) -> None:
    webhook = open_webhook("127.0.0.0/8", resolver=Names(("127.0.0.3", "127.0.0.2")))
    async with receiving(answering(200), host="127.0.0.2") as receiver:
        attempt = await send(webhook, receiver.url("two.example"))

    assert attempt.outcome == "delivered"


async def test_a_name_without_addresses_is_no_such_host(open_webhook: OpenWebhook) -> None:
    attempt = await send(open_webhook(resolver=Names(())), "http://nowhere.example/")

    assert (attempt.outcome, attempt.reason) == ("retry", "there is no such host")


async def test_a_name_server_that_says_no_is_no_such_host(open_webhook: OpenWebhook) -> None:
    async def nobody(host: str, port: int) -> tuple[str, ...]:
        raise OSError("Name or service not known")

    attempt = await send(open_webhook(resolver=nobody), "http://nowhere.example/")

    assert (attempt.outcome, attempt.reason) == ("retry", "there is no such host")


async def test_proxy_variables_are_ignored(
    open_webhook: OpenWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(answering(200)) as proxy, receiving(answering(200)) as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        attempt = await send(open_webhook("127.0.0.0/8"), receiver.url())

    assert attempt.outcome == "delivered"
    assert (proxy.connections, receiver.connections) == (0, 1)


async def test_a_proxy_variable_is_no_way_around_the_guard(
    open_webhook: OpenWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(answering(200)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        attempt = await send(open_webhook(), "http://10.0.0.1/")

    assert attempt.reason == REFUSED
    assert proxy.connections == 0


class _Notebook(httpcore.AsyncNetworkBackend):
    """A network that writes down where it is asked to connect, and lets nobody through."""

    def __init__(self) -> None:
        self.connects: list[tuple[str, int]] = []

    async def connect_tcp(
        self, host: str, port: int, *_: object, **__: object
    ) -> httpcore.AsyncNetworkStream:
        self.connects.append((host, port))
        raise httpcore.ConnectError("written down")


async def test_a_public_name_is_connected_to_by_the_addresses_that_were_checked() -> None:
    network, names = _Notebook(), Names(("2606:4700:4700::1111", "1.1.1.1"), ("127.0.0.1",))
    transport = GuardedTransport((), resolver=names, network=network)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post("https://hooks.example/in")

    assert network.connects == [("2606:4700:4700::1111", 443), ("1.1.1.1", 443)]
    assert names.asked == ["hooks.example"]


async def test_there_is_no_way_to_a_unix_socket() -> None:
    guard = Guard((ip_network("0.0.0.0/0"),), Names(("1.1.1.1",)), 1000, httpcore.AnyIOBackend())

    with pytest.raises(AddressRefused):
        await guard.connect_unix_socket("/run/overdue.sock")
