"""The limits that uvicorn lacks: connections, size of a head, time for a request, idle time; errors told as JSON.

Both paths have them: the express lane is a guard too.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from httptools import HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ingest.desk import Desk
from ingest.doors.reply import Reply, make_error

MOST_CONNECTIONS = 20_000
MOST_HEAD_BYTES = 32 * 1024
MOST_HEADERS = 100
REQUEST_WITHIN_S = 30
IDLE_S = 75

# What a client gets wrong is answered and not logged, or anybody could fill the log; what goes wrong here is logged.
_log = logging.getLogger(__name__)
_log.setLevel(logging.ERROR)

CROWDED = make_error(503, "There are too many connections.", retry_after_s=1)
SLOW = make_error(408, "The request took too long to arrive.")
HEAD_TOO_LARGE = make_error(431, "The request line and headers are too large.")
NOT_HTTP = make_error(400, "This is not a valid HTTP request.")


class HeadTooLarge(Exception):
    """Raised within the parser to make it stop."""


class Guard(HttpToolsProtocol):
    """One connection. `_between`: the parser is not in the middle of a request. `_last_word`: what is said, before the
    connection is closed, once everything that came whole before is answered.
    """

    def __init__(
        self,
        desk: Desk,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _log
        self._desk = desk
        self._between = True
        self._last_word: Reply | None = None
        self._stopped_at = 0
        self._headers_seen = 0
        self._header_bytes = 0
        self._head_bytes = 0
        self._seen_at = self._begun_at = desk.second

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._turn_away(CROWDED)

    def data_received(self, data: bytes) -> None:
        """Let uvicorn read it; a head that is still incomplete may have so many bytes."""
        self._seen_at = self._desk.second
        if self._between or self._head_bytes:
            self._head_bytes += len(data)
        while data:
            self._stopped_at = 0
            super().data_received(data)
            data = data[self._stopped_at :] if self._stopped_at and not self.transport.is_closing() else b""
        if self._between or self.transport.is_closing():
            self._head_bytes = 0
        elif self._head_bytes > MOST_HEAD_BYTES:
            self._turn_away(HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._between = False
        self._begun_at = self._desk.second
        self._headers_seen = 0
        self._header_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers_seen += 1
        self._header_bytes += len(name) + len(value)
        if self._headers_seen > MOST_HEADERS or self._header_bytes > MOST_HEAD_BYTES:
            raise HeadTooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """The parser has stopped behind a request that wants another protocol. It gets none: what follows is HTTP."""
        stopped = sys.exception()
        if isinstance(stopped, HttpParserUpgrade):
            self._stopped_at = int(stopped.args[0])

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._last_word is not None and not self.transport.is_closing():
            self._turn_away(self._last_word)

    def send_400_response(self, msg: str) -> None:
        """The parser gave up: because of us, or because this is no HTTP."""
        too_large = self._headers_seen > MOST_HEADERS or self._header_bytes > MOST_HEAD_BYTES
        self._turn_away(HEAD_TOO_LARGE if too_large else NOT_HTTP)

    @property
    def is_idle(self) -> bool:
        """Whether uvicorn has nothing under way on this connection."""
        return self.cycle is None or self.cycle.response_complete

    def look_at_watch(self, second: int) -> None:
        """Called about once a second: close what idles, turn away who is too slow with a request."""
        if self.transport.is_closing():
            return
        if not self._between:
            if second - self._begun_at > REQUEST_WITHIN_S:
                self._turn_away(SLOW)
        elif self.is_idle and second - self._seen_at > IDLE_S:
            self.transport.close()

    def _turn_away(self, reply: Reply) -> None:
        """Say why, and close; but first comes the answer to what came whole before."""
        if not self.is_idle and (self.pipeline or not self.cycle.more_body):
            self.flow.pause_reading()
            self._last_word = reply
            return
        if self.is_idle or not self.cycle.response_started:
            self.transport.write(self._desk.bytes_of(reply, closing=True))
        self.transport.close()
