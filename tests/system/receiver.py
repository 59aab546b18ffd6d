"""Somebody who is told: a receiver of webhooks that checks signatures by the standard's text, not with our code.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from store.clock import wall_ms

LONGEST_SKEW_S = 300
Json = dict[str, Any]


class Call:
    """One call as it came in, with its moment; header names are in lower case."""

    def __init__(self, at_ms: int, headers: dict[str, str], body: bytes) -> None:
        self.at_ms = at_ms
        self.headers = headers
        self.body = body
        self.status = 200

    def __repr__(self) -> str:
        return f"<{self.status} {self.id} {self.body.decode()}>"

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @cached_property
    def told(self) -> Json:
        told: Json = json.loads(self.body)
        return told

    @property
    def type(self) -> str:
        return str(self.told["type"])

    @property
    def monitor_id(self) -> str:
        return str(self.told["data"]["monitor"]["id"])

    @property
    def incident(self) -> Json:
        incident: Json = self.told["data"]["incident"]
        return incident

    def is_signed_with(self, secret: str) -> bool:
        """`webhook-signature` holds a v1 signature of `id.timestamp.body`, and the timestamp is of now."""
        timestamp = self.headers["webhook-timestamp"]
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        signed = f"{self.id}.{timestamp}.".encode() + self.body
        digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        is_fresh = abs(self.at_ms / 1000 - int(timestamp)) < LONGEST_SKEW_S
        return is_fresh and f"v1,{digest}" in self.headers["webhook-signature"].split(" ")


class Receiver:
    """Notes every call and answers 200, after `delay_s`; or 500 where it was told to refuse.

    `says` comes with each answer. `unheard` are the calls about no monitor: a time in which none could be heard, and
    channels that are tried or fail.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.unheard: list[Call] = []
        self.secret = ""
        self.delay_s = 0.0
        self.says = ""
        self.port = 0
        self._refusals: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def refuse(self, monitor_id: str, times: int) -> None:
        """Answer 500 to the next so many calls about this monitor."""
        self._refusals[monitor_id] = times

    def of(self, monitor_id: str, kind: str | None = None) -> list[Call]:
        """The calls about a monitor that were answered 200, in order of arrival."""
        calls = [one for one in list(self.calls) if one.status == 200 and one.monitor_id == monitor_id]
        return [one for one in calls if kind is None or one.type == kind]

    def kinds(self, monitor_id: str) -> list[str]:
        return [one.type for one in self.of(monitor_id)]

    def by_id(self) -> dict[str, list[Call]]:
        """All calls by their webhook-id."""
        found: dict[str, list[Call]] = defaultdict(list)
        for one in list(self.calls):
            found[one.id].append(one)
        return found

    def flaws(self) -> list[str]:
        """What is wrong with the calls: a bad signature, or two bodies under one id."""
        flaws = [
            f"bad signature: {one}"
            for one in (*self.calls, *self.unheard)
            if not one.is_signed_with(self.secret)
        ]
        by_id = self.by_id()
        return flaws + [
            f"two bodies: {same}" for same in by_id.values() if len({one.body for one in same}) > 1
        ]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection."""
        try:
            while True:
                headers = _read_headers(await reader.readuntil(b"\r\n\r\n"))
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status = self._note(headers, body)
                await asyncio.sleep(self.delay_s)
                said = self.says.encode()
                head = f"HTTP/1.1 {status} {self.says or 'X'}\r\nContent-Length: {len(said)}\r\n\r\n"
                writer.write(head.encode() + said)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _note(self, headers: dict[str, str], body: bytes) -> int:
        """Write a call down; the status to answer."""
        call = Call(wall_ms(), headers, body)
        if "monitor" not in call.told["data"]:
            self.unheard.append(call)
            return call.status
        left = self._refusals.get(call.monitor_id, 0)
        if left > 0:
            self._refusals[call.monitor_id] = left - 1
            call.status = 500
        self.calls.append(call)
        return call.status

    async def run(self, is_open: threading.Event, stop: asyncio.Event) -> None:
        """Listen until told to stop."""
        connections: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self.serve(reader, writer))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        is_open.set()
        await stop.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver in a thread of its own, for as long as the block lasts."""
    receiver, is_open = Receiver(), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(receiver.run(is_open, stop))

    thread = threading.Thread(target=run, name="receiver")
    thread.start()
    try:
        assert is_open.wait(5)
        yield receiver
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _read_headers(head: bytes) -> dict[str, str]:
    rows = (row.partition(":") for row in head.decode().strip().split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in rows}
