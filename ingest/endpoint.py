"""The impure side of a door, on plain ASGI: a request in, one ping into the intake, a reply out."""

from __future__ import annotations

import asyncio
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.doors.body import ANY_BODY, BodyRule, Refusal
from ingest.doors.door import TOO_SLOW, UNKNOWN_KEY, WRONG_METHOD, Door, answer
from ingest.doors.reply import Reply
from ingest.doors.signals import NO_SUCH_SIGNAL, SAYINGS, read_saying, signal_of
from ingest.intake import Intake
from store.beat import Beat
from store.live.heads import LIFE_ONLY

BODY_TIMEOUT_S = 10.0
METHODS = ("GET", "HEAD", "POST")
_FORWARDED = "overdue.forwarded"
_is_key = re.compile(r"[A-Za-z0-9_-]{8,128}").fullmatch


class TooSlow(Exception):
    """A body that did not arrive in time."""


class Gone(Exception):
    """The client went away before its request was complete."""


class DoorEndpoint:
    """Answers the pings of one door. `number` is the door's place in the table of doors.

    `behind_proxy` wraps this endpoint for requests that carry X-Forwarded-For: it replaces the client's address if
    the sender is a trusted proxy, and is not asked about other requests.
    """

    def __init__(self, door: Door, number: int, intake: Intake) -> None:
        self.prefix = door.prefix
        self.paths = (door.prefix + "{key}", door.prefix + "{key}/{signal}")
        self.door = door
        self._number = number
        self._intake = intake
        self.behind_proxy: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if b"x-forwarded-for" in headers and self.behind_proxy is not None and _FORWARDED not in scope:
            scope[_FORWARDED] = True
            await self.behind_proxy(scope, receive, send)
            return
        try:
            reply = await self._ping(scope, headers, receive)
        except Gone:
            return
        except TooSlow:
            reply = TOO_SLOW
        await send(reply.start)
        await send(reply.body)

    async def _ping(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Reply:
        method, door = scope["method"], self.door
        key, slash, word = scope["path"][len(door.prefix) :].partition("/")
        suffix, query = word.encode(), scope["query_string"]
        if method not in METHODS:
            return WRONG_METHOD
        if _is_key(key) is None:
            return UNKNOWN_KEY
        if slash and suffix not in SAYINGS:
            return NO_SUCH_SIGNAL
        body, refusal, saying = b"", None, read_saying(suffix, query)
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            body, refusal = await _read(ANY_BODY if slash else door, headers, receive)
        if saying.refusal is not None:
            body, refusal = b"", saying.refusal
        client = scope["client"]
        beat = Beat(
            method,
            headers.get(b"host", b""),
            query,
            headers.get(b"content-type", b""),
            headers.get(b"user-agent", b""),
            client[0] if client else "",
            body,
            saying.signalled,
        )
        flags = saying.flags if refusal is None else saying.flags | LIFE_ONLY
        ping = self._intake.arrive(key, flags, beat, self._number)
        outcome = await ping.future
        name = ping.known.name if ping.known else ""
        return answer(
            door, outcome, refusal, name, ping.arrival_ms, ping.retry_after_s, signal_of(saying.flags)
        )


async def _read(
    rule: BodyRule, headers: dict[bytes, bytes], receive: Receive
) -> tuple[bytes, Refusal | None]:
    """The body as far as it is kept, and what is wrong with it."""
    too_large = Refusal(413, f"The body may have at most {rule.kept_bytes} bytes.")
    told = headers.get(b"content-length", b"0")
    if rule.strict_length and told.isdigit() and int(told) > rule.kept_bytes:
        return b"", too_large
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _receive_up_to(rule.kept_bytes + 1, receive)
    except TimeoutError as error:
        raise TooSlow from error
    if len(body) > rule.kept_bytes:
        return (b"", too_large) if rule.strict_length else (body[: rule.kept_bytes], None)
    refusal = rule.judge(body) if body else None
    return (body, None) if refusal is None else (b"", refusal)


async def _receive_up_to(most: int, receive: Receive) -> bytes:
    """The body, or its beginning once more than enough of it is there; the server drops the rest as it comes."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) >= most or not message.get("more_body", False):
            return body[:most]
