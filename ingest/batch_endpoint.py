"""The impure side of the batch door: reads the body, hands its beats to the intake a few hundred at a time.

Not all at once: what is handed over stands in the queue before the single pings that come meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from ingest.batch_portion import BatchedPing, Portion
from ingest.batch_report import Report
from ingest.doors.batch import MOST_BYTES, Beaten, Problem, read_batch, unzip
from ingest.doors.reply import Reply, make_error, make_reply
from ingest.doors.signals import flags_of
from ingest.intake import Intake
from store.beat import Beat
from store.errors import Invalid
from store.live.heads import LIFE_ONLY, RELAYED

AT_ONCE = 256
BODY_TIMEOUT_S = 30.0
_encode = msgspec.json.Encoder().encode


class BatchEndpoint:
    """`POST /ping`. `number` is the door's place among the doors."""

    def __init__(self, intake: Intake, number: int) -> None:
        self._intake = intake
        self._number = number

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            reply = await self._answer(request)
        except Invalid as error:
            reply = make_error(400, str(error))
        except TimeoutError:
            reply = make_error(408, "The body took too long to arrive.")
        except ClientDisconnect:
            return
        await send(reply.start)
        await send(reply.body)

    async def _answer(self, request: Request) -> Reply:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _read(request)
        if body is None:
            return make_error(413, f"A batch has at most {MOST_BYTES} bytes.")
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding not in {"identity", "gzip"}:
            return make_error(415, "A batch may be sent plain or as gzip.")
        if encoding == "gzip":
            body = unzip(body)
        items = read_batch(body, request.headers.get("content-type", ""), self._intake.clock.now_ms())
        if not items:
            return make_error(400, "The batch is empty.")
        report = await self._record(items, request)
        if report.is_all_away():
            return make_error(
                503, "The batch could not be recorded right now; send it again.", retry_after_s=1
            )
        return make_reply(200, _encode(report.reply(len(items))))

    async def _record(self, items: list[Beaten | Problem], request: Request) -> Report:
        headers, client = request.headers, request.client
        sender = client.host if client else ""
        host, agent = headers.get("host", "").encode(), headers.get("user-agent", "").encode()
        plain = Beat("POST", host, b"", b"", agent, sender, b"")
        report = Report()
        for at in range(0, len(items), AT_ONCE):
            some = items[at : at + AT_ONCE]
            portion = Portion()
            pings = [self._ping(item, plain, portion) for item in some]
            portion.left = sum(ping is not None for ping in pings)
            if portion.left:
                self._enter(some, pings)
                await portion.done
            report.note(at, some, pings)
        return report

    def _ping(self, item: Beaten | Problem, plain: Beat, portion: Portion) -> BatchedPing | None:
        """The ping of an item that is in order. Those that say nothing else share one beat."""
        if isinstance(item, Problem):
            return None
        beat, signalled = plain, item.signalled
        if item.body or signalled is not None:
            kind = b"application/json" if item.body else b""
            beat = Beat("POST", plain.host, b"", kind, plain.user_agent, plain.sender, item.body, signalled)
        flags = (RELAYED if item.at_ms is not None else 0) | (LIFE_ONLY if item.complaint else 0)
        if signalled is not None:
            flags |= flags_of(signalled)
        return BatchedPing(item.key, flags, beat, self._number, portion)

    def _enter(self, items: Sequence[Beaten | Problem], pings: Sequence[BatchedPing | None]) -> None:
        enter = self._intake.enter
        for item, ping in zip(items, pings, strict=True):
            if ping is not None and isinstance(item, Beaten):
                enter(ping, item.at_ms)


async def _read(request: Request) -> bytes | None:
    """The body; None if it is too large, which is known before all of it is there."""
    told = request.headers.get("content-length", "0")
    if told.isdigit() and int(told) > MOST_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)
