"""Webhooks under test are closed at the end of each test, so a connection left open would be noticed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network

import msgspec
import pytest

from store.messages.notice import Notice
from sweeper.channels.attempt import Attempt
from sweeper.channels.names import Resolver
from sweeper.channels.webhook import Webhook
from tests.sweeper.channels.receivers import SECRET

NOTICE = Notice(event_id="0b6c6c3e-9a6e-5c11-8f3e-2f3a4b5c6d7e", body=b'{"type":"monitor.down"}')

OpenWebhook = Callable[..., Webhook]


def settings(url: str, secret: str = SECRET) -> bytes:
    return msgspec.json.encode({"url": url, "secret": secret})


async def send(webhook: Webhook, url: str) -> Attempt:
    return await webhook.send(settings(url), NOTICE)


@pytest.fixture
async def open_webhook() -> AsyncIterator[OpenWebhook]:
    """Opens webhooks that may reach these networks (loopback, unless told otherwise)."""
    opened: list[Webhook] = []

    def open_one(*networks: str, attempt_timeout_s: float = 5.0, resolver: Resolver | None = None) -> Webhook:
        allowed = tuple(ip_network(network) for network in networks)
        opened.append(Webhook(allowed, attempt_timeout_s=attempt_timeout_s, resolver=resolver))
        return opened[-1]

    yield open_one
    for webhook in opened:
        await webhook.aclose()


@pytest.fixture
def webhook(open_webhook: OpenWebhook) -> Webhook:
    """One that may reach loopback and is as patient as a test can afford."""
    return open_webhook("127.0.0.0/8", "::1/128")
