"""The impure side of the batch door: reads the body, hands its beats to the intake a few hundred at a time.

Not all at once: what is handed over stands in the queue before the single pings that come meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from ingest.doors.batch import MOST_BYTES, Beaten, Problem, read_batch, unzip
from ingest.doors.reply import Reply, make_error, make_reply
from ingest.intake import Intake
from ingest.waiting import Waiting
from store.beat import Beat
from store.errors import Invalid
from store.live.packing import LIFE_ONLY, RELAYED, Outcome

AT_ONCE = 256
BODY_TIMEOUT_S = 30.0
_encode = msgspec.json.Encoder().encode

_REASONS: dict[int, str] = {
    Outcome.UNAVAILABLE: "It could not be recorded right now; send it again.",
    Outcome.BROKEN: "It could not be recorded right now; send it again.",
    Outcome.UNKNOWN: "No monitor has this ping key.",
    Outcome.TURNED_AWAY: "Too many unknown ping keys were tried from this address; wait before trying another.",
    Outcome.LIMITED: "Pinged more often than the plan allows; the sign of life counts.",
}


class Failed(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """An item that was not recorded; `alive` if its sign of life counted all the same."""

    index: int
    reason: str
    retry_after: int = 0
    alive: bool = False


class BatchReply(msgspec.Struct, frozen=True):
    """How many became what, and each item that failed, by its place from 0."""

    received: int
    recorded: int
    paused: int
    limited: int
    failed: list[Failed]


class BatchedPing(Waiting):
    """One item of a batch; the last one of a portion wakes whoever waits for the portion."""

    def __init__(self, key: str, flags: int, beat: Beat, door: int, portion: Portion) -> None:
        self.key = key
        self.flags = flags
        self.beat = beat
        self.door = door
        self.known = None
        self.looked_up = False
        self.retry_after_s = 0
        self.outcome: int = Outcome.UNAVAILABLE
        self.portion = portion

    def answer(self, outcome: int) -> None:
        self.outcome = outcome
        self.portion.one_less()


class Portion:
    """Counts down the items that were handed over together."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.done = asyncio.get_running_loop().create_future()

    def one_less(self) -> None:
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)


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
        pings = await self._record(items, request)
        report = _report(items, pings)
        everything_away = all(ping.outcome == Outcome.UNAVAILABLE for ping in pings.values()) and pings
        if everything_away and not report.recorded:
            return make_error(
                503, "The batch could not be recorded right now; send it again.", retry_after_s=1
            )
        return make_reply(200, _encode(report))

    async def _record(self, items: list[Beaten | Problem], request: Request) -> dict[int, BatchedPing]:
        headers, client = request.headers, request.client
        sender = client.host if client else ""
        host, agent = headers.get("host", "").encode(), headers.get("user-agent", "").encode()
        pings: dict[int, BatchedPing] = {}
        good = [(index, item) for index, item in enumerate(items) if isinstance(item, Beaten)]
        for at in range(0, len(good), AT_ONCE):
            some = good[at : at + AT_ONCE]
            portion = Portion(len(some))
            for index, item in some:
                beat = Beat(
                    "POST", host, b"", b"application/json" if item.body else b"", agent, sender, item.body
                )
                flags = (RELAYED if item.at_ms else 0) | (LIFE_ONLY if item.complaint else 0)
                ping = BatchedPing(item.key, flags, beat, self._number, portion)
                pings[index] = ping
                self._intake.enter(ping, item.at_ms)
            await portion.done
        return pings


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


def _report(items: list[Beaten | Problem], pings: dict[int, BatchedPing]) -> BatchReply:
    outcomes = Counter(ping.outcome for ping in pings.values())
    failed = []
    for index, item in enumerate(items):
        if isinstance(item, Problem):
            failed.append(Failed(index, item.reason))
            continue
        ping = pings[index]
        reason = _REASONS.get(ping.outcome) or item.complaint
        if reason is not None:
            alive = ping.outcome in {Outcome.LIMITED, Outcome.ALIVE}
            failed.append(Failed(index, reason, ping.retry_after_s, alive))
    return BatchReply(
        received=len(items),
        recorded=outcomes[Outcome.RECORDED],
        paused=outcomes[Outcome.PAUSED],
        limited=outcomes[Outcome.LIMITED],
        failed=failed,
    )
