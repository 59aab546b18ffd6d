"""The express lane: pings answered where the bytes arrive. No scope, no task, no future, no object per ping.

A connection that carries plainly a ping (see `lane_facts`) becomes itself the waiting ping, so there is at most one per
connection; what the client pipelines behind it is held back until it is answered. Everything else goes, whole and
unchanged, to uvicorn's own protocol, and so to Starlette.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.server import ServerState

from ingest import guard
from ingest.desk import Desk
from ingest.doors import DOORS
from ingest.doors.body import ANY_BODY, Refusal
from ingest.doors.door import answer
from ingest.doors.reply import Reply
from ingest.doors.signals import PLAIN, SUFFIX, read_saying, signal_of
from ingest.guard import Guard
from ingest.lane_facts import MOST_BLOCK_BYTES, Facts, read_facts
from ingest.waiting import Waiting
from store.beat import Beat
from store.live.heads import LIFE_ONLY, Outcome

MOST_HELD_BYTES = 64 * 1024

# GET|POST|HEAD, a door's prefix, a key, perhaps a signal and a query. Anything odd about the line: not for the lane.
_ping_line = re.compile(
    rb"(GET|POST|HEAD) (%b)([A-Za-z0-9_-]{8,128})(?:/(%b))?(?:\?([!-\"$-~]*))? HTTP/1\.1\r\n"
    % (b"|".join(re.escape(door.prefix.encode()) for door in DOORS), SUFFIX)
).match
_DOOR_BY_PREFIX = {door.prefix.encode(): number for number, door in enumerate(DOORS)}
_METHODS = {b"GET": "GET", b"POST": "POST", b"HEAD": "HEAD"}
_RECORDED = int(Outcome.RECORDED)


class Shape(msgspec.Struct, frozen=True, gc=False):
    """The last ping of a connection, if it had no body: what stood before its key, and what stood behind it."""

    start: bytes
    tail: bytes


class Lane(Guard, Waiting):
    """One connection, which is the waiting ping itself while `_under_way`.

    `_inside`: the loop over what came is running, so an answer that is known at once must not start it again. `_held`:
    bytes that nobody has looked at for good yet. `_closing`: the answer that is due is the last. `_ended`: the client
    says no more; what it has said is still answered.
    """

    def __init__(
        self,
        desk: Desk,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(desk, config, server_state, app_state, _loop)
        self._under_way = False
        self._inside = False
        self._closing = False
        self._ended = False
        self._held = b""
        self._shape: Shape | None = None
        self._refusal: Refusal | None = None
        self._method = "GET"
        self._query = b""
        self.sender = ("", 0)
        self.known = None
        self.retry_after_s = 0

    def data_received(self, data: bytes) -> None:
        """Bytes of the client: pings for the lane, something for uvicorn, or the beginning of either."""
        self._seen_at = self._desk.second
        shape = self._shape
        if shape is not None and data.endswith(shape.tail) and data.startswith(shape.start):
            # The last request again, but perhaps for its key. Keys that are known are well-formed.
            key = data[len(shape.start) : -len(shape.tail)].decode("latin-1")
            known = self._desk.find(key)
            if known is not None and not (self._under_way or self._held or self.flow.write_paused):
                self.key = key
                self.looked_up = False
                self._under_way = True
                self._desk.intake.admit(self, known)
                return
        self._work_through(data)

    def answer(self, outcome: int) -> None:
        """The ping's outcome is known: write the reply, and go on with what was held back."""
        self._under_way = False
        transport = self.transport
        if transport.is_closing():
            return
        reply = self._reply_to(outcome)
        transport.write(self._desk.bytes_of(reply, self._method == "HEAD", self._closing))
        if self._closing:
            transport.close()
        elif not self._inside:
            self._go_on()

    def shutdown(self) -> None:
        """The server stops: what is under way is answered first."""
        if self._under_way:
            self._closing = True
        else:
            super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has said all it wanted to say; its pings are still answered."""
        self._ended = True
        return self._under_way

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if not self._under_way:
            self._go_on()

    def look_at_watch(self, second: int) -> None:
        """What is held back here is the beginning of a request too; while a ping is under way nobody is slow."""
        if self._under_way:
            return
        if self._held and second - self._begun_at > guard.REQUEST_WITHIN_S:
            self._turn_away(guard.SLOW)
        elif not self._held:
            super().look_at_watch(second)

    def _reply_to(self, outcome: int) -> Reply:
        door, known = DOORS[self.door], self.known
        name = known.name if known is not None else ""
        if outcome == _RECORDED and self._refusal is None:
            return door.welcome(name, self.arrival_ms)
        signal = signal_of(self.flags)
        return answer(door, outcome, self._refusal, name, self.arrival_ms, self.retry_after_s, signal)

    def _work_through(self, data: bytes) -> None:
        """Take one request after the other off the front, until there has to be more, or a ping is under way."""
        if self._held:
            data, self._held = self._held + data, b""
        self._inside = True
        try:
            while data and not self._closing:
                if self._under_way or self.flow.write_paused:
                    self._hold(data)
                    break
                rest = self._take(data) if self._between and self.is_idle else data
                if rest is None:
                    break
                if rest is data:
                    self._pass_on(data)
                    break
                data = rest
        finally:
            self._inside = False

    def _go_on(self) -> None:
        if self._held:
            self.flow.resume_reading()
            self._work_through(b"")
        if self._ended and not self._under_way:
            self.transport.close()

    def _hold(self, data: bytes) -> None:
        self._held = data
        if len(data) > MOST_HELD_BYTES:
            self.flow.pause_reading()

    def _wait_for_more(self, data: bytes) -> None:
        """The beginning of a ping; the request began with its first bytes."""
        if not self._held:
            self._begun_at = self._desk.second
        self._hold(data)

    def _pass_on(self, data: bytes) -> None:
        """Not plainly a ping: uvicorn reads it."""
        self._shape = None
        super().data_received(data)

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
        facts = read_facts(data[line.end() : end])
        number = _DOOR_BY_PREFIX[line[2]]
        rule = ANY_BODY if line[4] else DOORS[number]
        if facts is None or facts.content_length > rule.kept_bytes:
            return data
        if len(data) < end + facts.content_length:
            self._wait_for_more(data)
            return None
        body_at, end = end, end + facts.content_length
        self._shape = None if body_at < end else Shape(data[: line.start(3)], data[line.end(3) : end])
        self._enter(line, facts, number, data[body_at:end])
        return data[end:]

    def _enter(self, line: re.Match[bytes], facts: Facts, number: int, body: bytes) -> None:
        """This connection is now the ping that waits."""
        self._unset_keepalive_if_required()
        suffix, query = line[4], line[5]
        saying = read_saying(suffix, query) if suffix or query else PLAIN
        refusal = saying.refusal
        if body and refusal is None and not suffix:
            refusal = DOORS[number].judge(body)
        self.key = line[3].decode()
        self.door = number
        self.looked_up = False
        self.flags = saying.flags if refusal is None else saying.flags | LIFE_ONLY
        self.sender = self._desk.sender_of(self.client, facts.forwarded)
        self._refusal = refusal
        self._method = _METHODS[line[1]]
        self._query = query or b""
        self._closing = facts.closing
        self.beat = Beat(
            self._method,
            facts.host,
            self._query,
            facts.content_type,
            facts.user_agent,
            self.sender[0],
            body if refusal is None else b"",
            saying.signalled,
        )
        self._under_way = True
        self._desk.intake.enter(self)
