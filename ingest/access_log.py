"""The access log, off by default: a line per request on both paths, with no ping key in it.

`AccessLog` wraps the application, `LoggedLane` adds the pings of the express lane. Both are put in only when the log
is on, so that without it nothing here runs for a ping. What comes after a door's prefix is never logged, wherever in
the target it stands, nor is anything that has the length of a drawn key.
"""

from __future__ import annotations

import logging
import re
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.doors import DOORS
from ingest.doors.signals import suffix_of
from ingest.lane import Lane

HIDDEN = "***"
_log = logging.getLogger(__name__)

_after_a_prefix = re.compile(
    f"({'|'.join(re.escape(door.prefix) for door in DOORS)})[^/?&#]+", re.IGNORECASE
).sub
_token = re.compile(r"(?<![A-Za-z0-9_%-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])").sub


def redact(path: str, query: bytes) -> str:
    """A request's target in one line of ASCII, without ping keys; `path` is decoded, `query` as it came."""
    target = quote(path)
    if query:
        target += "?" + quote(query, safe="/?:@!$&'()*+,;=%")
    return _token(HIDDEN, _after_a_prefix(rf"\g<1>{HIDDEN}", target))


def note(client: tuple[str, int] | None, method: str, target: str, version: str, status: int) -> None:
    """One line, in the words that uvicorn has for it."""
    sender = f"{client[0]}:{client[1]}" if client else "-"
    _log.info('%s - "%s %s HTTP/%s" %d', sender, method, target, version, status)


class AccessLog:
    """An application with a line for every response that it begins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                target = redact(scope["path"], scope["query_string"])
                note(scope["client"], scope["method"], target, scope["http_version"], message["status"])
            await send(message)

        await self._app(scope, receive, send_and_note)


class LoggedLane(Lane):
    """The express lane with a line for every ping."""

    def answer(self, outcome: int) -> None:
        if not self.transport.is_closing():
            path = DOORS[self.door].prefix + HIDDEN + suffix_of(self.beat.signalled)
            target = redact(path, self._query)
            sender = self.sender if self.sender[0] else None
            note(sender, self._method, target, "1.1", self._reply_to(outcome).status)
        super().answer(outcome)
