"""Certificates are checked against the name that was asked for, although the connection goes to an address."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from contextlib import aclosing
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from store.messages.message import notice_of
from sweeper.channels.attempt import Attempt
from sweeper.channels.chat import Chat
from tests.store.messages.test_message import DOWN
from tests.sweeper.channels.conftest import OpenWebhook, send
from tests.sweeper.channels.receivers import Names, answering, hanging, receiving

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")

NAME = "hooks.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for NAME and localhost, and its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},DNS:localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    open_webhook: OpenWebhook, tls: ssl.SSLContext
) -> None:
    webhook = open_webhook("127.0.0.0/8", resolver=Names(("127.0.0.1",)))
    async with receiving(answering(200), tls=tls) as receiver:
        attempt = await send(webhook, receiver.url(NAME, "https"))

    assert (attempt.outcome, attempt.reason) == ("retry", "the receiver's certificate is not trusted")
    assert receiver.calls == []


async def test_sni_and_host_are_the_name_while_the_connection_is_to_the_address(
    open_webhook: OpenWebhook, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: greeted.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    webhook = open_webhook("127.0.0.0/8", resolver=Names(("127.0.0.1",)))
    async with receiving(answering(200), tls=tls) as receiver:
        attempt = await send(webhook, receiver.url(NAME, "https"))

    assert attempt.outcome == "delivered"
    assert greeted == [NAME]
    assert receiver.calls[0].headers["host"] == f"{NAME}:{receiver.port}"


async def test_a_certificate_for_another_name_is_refused(
    open_webhook: OpenWebhook, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    webhook = open_webhook("127.0.0.0/8", resolver=Names(("127.0.0.1",)))
    async with receiving(answering(200), tls=tls) as receiver:
        attempt = await send(webhook, receiver.url("other.example", "https"))

    assert (attempt.outcome, attempt.reason) == ("retry", "the receiver's certificate is not trusted")
    assert receiver.calls == []


async def test_the_bound_on_an_answer_holds_inside_tls(
    open_webhook: OpenWebhook, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    webhook = open_webhook("127.0.0.0/8", resolver=Names(("127.0.0.1",)))
    async with receiving(answering(200, f"X-Long: {'x' * 200_000}"), tls=tls) as receiver:
        attempt = await send(webhook, receiver.url(NAME, "https"))

    assert (attempt.outcome, attempt.reason) == ("retry", "the headers of the answer are too long")


async def send_by_apprise(port: int) -> Attempt:
    async with aclosing(Chat((ip_network("127.0.0.0/8"),), "")) as chat:
        return await chat.send(msgspec.json.encode({"url": f"gotifys://localhost:{port}/t"}), notice_of(DOWN))


async def test_chat_services_are_trusted_by_the_same_file_and_no_proxy_is_asked(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(answering(200), tls=tls) as receiver, receiving(answering(200)) as proxy:
        for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        unknown = await send_by_apprise(receiver.port)
        assert (unknown.outcome, receiver.calls) == ("retry", [])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        known = await send_by_apprise(receiver.port)
    assert (known.outcome, known.reason) == ("delivered", "the service took it")
    assert (len(receiver.calls), proxy.connections) == (1, 0)


async def test_a_receiver_that_hangs_in_the_handshake_is_let_go_of_in_time(open_webhook: OpenWebhook) -> None:
    webhook = open_webhook("127.0.0.0/8", attempt_timeout_s=0.3)
    async with receiving(hanging) as receiver:
        attempt = await send(webhook, receiver.url(scheme="https"))
        await asyncio.wait_for(receiver.closed.wait(), 5)

    assert (attempt.outcome, attempt.reason) == ("retry", "no answer came in time")
    assert attempt.duration_ms < 2000


async def test_plain_http_where_tls_was_promised_is_a_failed_handshake(open_webhook: OpenWebhook) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        attempt = await send(open_webhook("127.0.0.0/8"), f"https://127.0.0.1:{port}/")

    assert (attempt.outcome, attempt.reason) == ("retry", "the TLS handshake failed")
