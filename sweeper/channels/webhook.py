"""The webhook channel: one signed POST to a URL that a user chose, which is to say: anywhere, by anyone."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from importlib.metadata import version

import httpx
import msgspec

from store.channel_settings import WebhookSettings
from store.clock import monotonic_ms, wall_ms
from store.errors import Invalid
from store.messages.notice import Notice
from store.settings import IPNetwork
from sweeper.channels.attempt import ATTEMPTS_PER_CHANNEL, Attempt
from sweeper.channels.names import Resolver
from sweeper.channels.reasons import why
from sweeper.channels.retry_after import retry_after_s
from sweeper.channels.signature import sign
from sweeper.channels.transport import GuardedTransport

USER_AGENT = f"Overdue/{version('overdue')}"
# The status is the answer. The rest is read only so that the connection can serve again, and only this long.
REST_OF_ANSWER_S = 1.0


class Webhook:
    """Sends notices by Standard Webhooks 1.0. May be used by many tasks at once."""

    at_once = ATTEMPTS_PER_CHANNEL
    slow_at_once = 96
    waiting = 0

    def __init__(
        self,
        private_targets: tuple[IPNetwork, ...],
        *,
        attempt_timeout_s: float = 10.0,
        resolver: Resolver | None = None,
    ) -> None:
        self._attempt_timeout_s = attempt_timeout_s
        # The transport is called without an httpx client around it: a client would log the URL, keep cookies
        # for whoever comes next, and look for proxies in the environment.
        self._transport = GuardedTransport(private_targets, resolver=resolver)

    async def send(self, settings: bytes, notice: Notice) -> Attempt:
        """Make one attempt. Whatever happens becomes an Attempt; only a cancellation is raised."""
        started_ms = monotonic_ms()
        try:
            request = _request(_read(settings), notice, wall_ms())
            response = await self._call(request)
        except Exception as error:  # the promise to dispatch: one bad receiver never ends its loop
            return Attempt("retry", None, None, why(error), monotonic_ms() - started_ms)
        return _judge(response, wall_ms(), monotonic_ms() - started_ms)

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def _call(self, request: httpx.Request) -> httpx.Response:
        """Send the request and wait for the status, all of it within the time of one attempt."""
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(self._attempt_timeout_s):
                response = await self._transport.handle_async_request(request)
                await _finish(response)
        except TimeoutError:
            if response is None:
                raise
        return response


async def _finish(response: httpx.Response) -> None:
    """Read what is left of the answer, as it came off the wire, and let go of it.

    The status is known by now; whatever goes wrong here must not turn a delivery into a repeat.
    """
    with suppress(Exception):
        async with aclosing(response), asyncio.timeout(REST_OF_ANSWER_S):
            async for _ in response.aiter_raw():
                pass


def _read(settings: bytes) -> WebhookSettings:
    try:
        return msgspec.json.decode(settings, type=WebhookSettings)
    except msgspec.DecodeError:
        raise Invalid("the settings of the channel cannot be read") from None


def _request(settings: WebhookSettings, notice: Notice, now_ms: int) -> httpx.Request:
    headers = {
        "user-agent": USER_AGENT,
        "accept": "*/*",
        **settings.headers,
        "content-type": "application/json",
        "accept-encoding": "identity",
        "webhook-id": notice.event_id,
        "webhook-timestamp": str(now_ms // 1000),
        "webhook-signature": _signatures(settings, notice, now_ms),
    }
    request = httpx.Request("POST", _url(settings.url), headers=headers, content=notice.body)
    if request.url.userinfo:
        credentials = httpx.BasicAuth(request.url.username, request.url.password)
        request = next(credentials.auth_flow(request))
    return request


def _signatures(settings: WebhookSettings, notice: Notice, now_ms: int) -> str:
    """One for each secret that is in force: a former one is so for a while after it was replaced."""
    secrets = [settings.secret]
    if settings.former is not None and now_ms < settings.former.until_ms:
        secrets.append(settings.former.secret)
    return " ".join(sign(secret, notice.event_id, now_ms // 1000, notice.body) for secret in secrets)


def _url(text: str) -> httpx.URL:
    url = httpx.URL(text)
    if (
        url.scheme not in {"http", "https"}
        or not url.host
        or (url.port is not None and not 0 < url.port < 65536)
    ):
        raise Invalid("the URL is not http:// or https:// with a host and a port that exists", "url")
    return url


def _judge(response: httpx.Response, now_ms: int, duration_ms: int) -> Attempt:
    status = response.status_code
    reason = f"the receiver answered {status}"
    if response.is_success:
        return Attempt("delivered", status, None, reason, duration_ms)
    if status == 410:
        return Attempt("gone", status, None, reason + " and asks never to be called again", duration_ms)
    if response.is_redirect:
        reason += ", and redirects are not followed"
    pause_s = retry_after_s(response.headers.get("retry-after"), now_ms) if status in {429, 503} else None
    return Attempt("retry", status, pause_s, reason, duration_ms)
