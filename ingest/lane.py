"""The express lane: pings answered where the bytes arrive. No scope, no task, no future, no object per ping.

A connection that carries plainly a ping (see `lane_facts`) becomes itself the waiting ping, so there is at most one per
connection; what the client pipelines behind it is held back until it is answered. Everything else goes, whole and
unchanged, to uvicorn's own protocol, and so to Starlette.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ingest.doors import DOORS
from ingest.doors.door import Refusal, answer
from ingest.doors.reply import Reply, make_error
from ingest.lane_desk import Desk
from ingest.lane_facts import MOST_BLOCK_BYTES, Facts, read_facts
from ingest.waiting import Waiting
from store.beat import Beat
from store.live.packing import LIFE_ONLY

MOST_CONNECTIONS = 20_000
MOST_HELD_BYTES = 64 * 1024
MOST_HEAD_BYTES = 32 * 1024
MOST_HEADERS = 100
REQUEST_WITHIN_S = 30
IDLE_S = 75

# GET|POST|HEAD, a door's prefix, a key, perhaps a query. Anything odd about the line: not for the lane.
_ping_line = re.compile(
    rb"(GET|POST|HEAD) (%b)([A-Za-z0-9_-]{8,128})(?:\?([!-\"$-~]*))? HTTP/1\.1\r\n"
    % b"|".join(re.escape(door.prefix.encode()) for door in DOORS)
).match
_DOOR_BY_PREFIX = {door.prefix.encode(): number for number, door in enumerate(DOORS)}
_METHODS = {b"GET": "GET", b"POST": "POST", b"HEAD": "HEAD"}
_NO_BEAT = Beat("", b"", b"", b"", b"", "", b"")

CROWDED = make_error(503, "There are too many connections.", retry_after_s=1)
SLOW = make_error(408, "The request took too long to arrive.")
HEAD_TOO_LARGE = make_error(431, "The request line and headers are too large.")


class HeadTooLarge(Exception):
    """Raised within the parser to make it stop."""


class Lane(HttpToolsProtocol, Waiting):
    """One connection, which is the waiting ping itself while `_under_way`.

    `_between`: uvicorn's parser is not in the middle of a request. `_inside`: the loop over what came is running, so an
    answer that is known at once must not start it again. `_held`: bytes that nobody has looked at for good yet.
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
        self._desk = desk
        self._under_way = False
        self._between = True
        self._inside = False
        self._closing = False
        self._held = b""
        self._block = b""
        self._facts: Facts | None = None
        self._refusal: Refusal | None = None
        self._plain = ("", _NO_BEAT)
        self._method = ""
        self._headers_seen = 0
        self._header_bytes = 0
        self._head_bytes = 0
        self._seen_at = self._begun_at = desk.second
        self.retry_after_s = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._turn_away(CROWDED)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client: pings for the lane, something for uvicorn, or the beginning of either."""
        self._seen_at = self._desk.second
        if self._held:
            data, self._held = self._held + data, b""
        self._inside = True
        try:
            while data:
                if self._under_way or self.flow.write_paused:
                    self._hold(data)
                    break
                rest = self._take(data) if self._is_idle() else data
                if rest is None:
                    break
                if rest is data:
                    self._pass_on(data)
                    break
                data = rest
        finally:
            self._inside = False

    def answer(self, outcome: int) -> None:
        """The ping's outcome is known: write the reply, and go on with what was held back."""
        self._under_way = False
        if self.transport.is_closing():
            return
        known = self.known
        name = known.name if known is not None else ""
        door = DOORS[self.door]
        reply = answer(door, outcome, self._refusal, name, self.arrival_ms, self.retry_after_s)
        self.transport.write(self._desk.bytes_of(reply, self._method == "HEAD"))
        self.server_state.total_requests += 1
        if self._closing:
            self.transport.close()
        elif self._held and not self._inside:
            self.flow.resume_reading()
            self.data_received(b"")

    def shutdown(self) -> None:
        """The server stops: what is under way is answered first."""
        if self._under_way:
            self._closing = True
        else:
            super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has said all it wanted to say; its ping is still answered."""
        self._closing = self._under_way
        return self._under_way

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._held and not self._under_way:
            self.flow.resume_reading()
            self.data_received(b"")

    def look_at_watch(self, second: int) -> None:
        """Called about once a second: close what idles, turn away who is too slow with a request."""
        if self._under_way or self.transport.is_closing():
            return
        if self._held or not self._between:
            if second - self._begun_at > REQUEST_WITHIN_S:
                self._turn_away(SLOW)
        elif self._is_idle() and second - self._seen_at > IDLE_S:
            self.transport.close()

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

    def send_400_response(self, msg: str) -> None:
        """The parser gave up: because of us, or because this is no HTTP."""
        if self._headers_seen > MOST_HEADERS or self._header_bytes > MOST_HEAD_BYTES:
            self._turn_away(HEAD_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()

    def _is_idle(self) -> bool:
        return self._between and (self.cycle is None or self.cycle.response_complete)

    def _hold(self, data: bytes) -> None:
        self._held = data
        if len(data) > MOST_HELD_BYTES:
            self.flow.pause_reading()

    def _wait_for_more(self, data: bytes) -> None:
        """The beginning of a ping; the request began with its first bytes."""
        if not self._held:
            self._begun_at = self._desk.second
        self._hold(data)

    def _take(self, data: bytes) -> bytes | None:
        """Take a ping off the front; what is behind it, `data` itself if this is none, None if there has to be more."""
        line = _ping_line(data)
        if line is None:
            return data
        end = data.find(b"\r\n\r\n", line.end() - 2) + 4
        if end < 4:
            if len(data) > MOST_BLOCK_BYTES:
                return data
            self._wait_for_more(data)
            return None
        block = data[line.end() : end]
        if block != self._block:
            self._block, self._facts = block, read_facts(block)
            self._plain = ("", _NO_BEAT)
        facts = self._facts
        number = _DOOR_BY_PREFIX[line[2]]
        if facts is None or facts.content_length > DOORS[number].kept_bytes:
            return data
        if facts.content_length:
            end += facts.content_length
            if len(data) < end:
                self._wait_for_more(data)
                return None
        self._enter(line, facts, number, data[end - facts.content_length : end])
        return data[end:]

    def _enter(self, line: re.Match[bytes], facts: Facts, number: int, body: bytes) -> None:
        """This connection is now the ping that waits."""
        self._unset_keepalive_if_required()
        self.key = line[3].decode()
        self.door = number
        self.looked_up = False
        self.retry_after_s = 0
        self._method = method = _METHODS[line[1]]
        refusal = DOORS[number].judge(body) if body else None
        self._refusal = refusal
        self.flags = 0 if refusal is None else LIFE_ONLY
        query = line[4]
        if query or body:
            self.beat = self._beat(method, facts, query or b"", body if refusal is None else b"")
        else:
            if self._plain[0] != method:
                self._plain = (method, self._beat(method, facts, b"", b""))
            self.beat = self._plain[1]
        self._under_way = True
        self._desk.intake.enter(self)

    def _beat(self, method: str, facts: Facts, query: bytes, body: bytes) -> Beat:
        sender = self.client[0] if self.client else ""
        return Beat(method, facts.host, query, facts.content_type, facts.user_agent, sender, body)

    def _pass_on(self, data: bytes) -> None:
        """Let uvicorn read it, within the limits that it does not have."""
        if self._between or self._head_bytes:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._between or self.transport.is_closing():
            self._head_bytes = 0
        elif self._head_bytes > MOST_HEAD_BYTES:
            self._turn_away(HEAD_TOO_LARGE)

    def _turn_away(self, reply: Reply) -> None:
        """Say why, unless a reply is half sent already, and close."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(self._desk.bytes_of(reply, False))
        self.transport.close()
