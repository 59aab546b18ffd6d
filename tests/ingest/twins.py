"""Two connections that are told the same, byte for byte: one on the express lane, one on the plain path.

No sockets and no Redis, so that thousands of exchanges take seconds: the transport keeps what is written, and a call to
Redis is answered from memory. Everything in between is the real thing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from uvicorn.server import ServerState

from ingest.app import build_app
from ingest.desk import Desk
from ingest.doors import DOORS, batch
from ingest.guard import Guard
from ingest.intake import Intake
from ingest.keyring import known_key
from ingest.lane import Lane
from ingest.senders import Strangers
from store.live.heads import Outcome
from store.live.live import Live
from store.live.monitors import Resolved
from store.live.packing import KnownConfig
from tests.ingest.serving import settings_for
from tests.kept_history import KeptRow, read_history

KEYS = ("first-key-000000000001", "second-key-0000000002")
GENERATION = "0" * 32
NOW_MS = 1_800_000_000_000
QUIET_TURNS = 12
MOST_TURNS = 20_000
PEER = ("127.0.0.1", 40_000)


class Said(msgspec.Struct, frozen=True):
    """What came of an exchange: the bytes of the answers, whether the connection was closed, and what was recorded."""

    answers: bytes
    closed: bool
    recorded: tuple[tuple[int, object], ...]


class Pipe(asyncio.Transport):
    """A transport that keeps what is written, and delivers nothing while reading is paused."""

    def __init__(self, protocol: Guard) -> None:
        super().__init__({"peername": PEER, "sockname": ("127.0.0.1", 8000)})
        self.written = bytearray()
        self.turned = 0
        self._protocol = protocol
        self._waiting: list[bytes] = []
        self._closing = self._paused = False

    def deliver(self, data: bytes) -> None:
        self._waiting.append(data)
        self._flow()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._closing:
            self.written += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        asyncio.get_running_loop().call_soon(self._flow)

    def _flow(self) -> None:
        while self._waiting and not self._paused and not self._closing:
            self.turned += 1
            self._protocol.data_received(self._waiting.pop(0))


class Memory:
    """Answers calls as the scripts would if every ping were recorded and nobody had another key."""

    def __init__(self) -> None:
        self.rows: list[KeptRow] = []

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[Any], give_up_ms: int) -> Any:
        if name != "record":
            return NOW_MS
        ids, history = arguments[10:], arguments[7]
        if ids:
            self.rows += read_history(history)
        await asyncio.sleep(0)
        return [NOW_MS, bytes([Outcome.RECORDED]) * len(ids), b""]

    async def aclose(self) -> None:
        """There is nothing to close."""


class Twins:
    """Makes the connections and has the exchanges."""

    def __init__(self, intake: Intake, memory: Memory, app: Any) -> None:
        self._memory = memory
        self._state = ServerState()
        self._state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
        self._desk = Desk(intake, self._state, "127.0.0.1")
        self._config = uvicorn.Config(
            app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False
        )

    async def on_lane(self, pieces: Sequence[bytes], hurried: bool = False) -> Said:
        return await self._exchange(Lane, pieces, hurried)

    async def on_plain(self, pieces: Sequence[bytes], hurried: bool = False) -> Said:
        return await self._exchange(Guard, pieces, hurried)

    async def _exchange(self, kind: type[Guard], pieces: Sequence[bytes], hurried: bool) -> Said:
        """`hurried`: the pieces come one behind the other, before anything is answered."""
        self._memory.rows.clear()
        protocol = kind(self._desk, self._config, self._state, {})
        pipe = Pipe(protocol)
        protocol.connection_made(pipe)
        for piece in pieces:
            pipe.deliver(piece)
            if not hurried:
                await self._until_quiet(pipe)
        await self._until_quiet(pipe)
        said = Said(_plain(bytes(pipe.written)), pipe.is_closing(), self._recorded())
        pipe.close()
        await self._until_quiet(pipe)
        return said

    def _recorded(self) -> tuple[tuple[int, object], ...]:
        return tuple((row.monitor_id, row.beat) for row in self._memory.rows)

    async def _until_quiet(self, pipe: Pipe) -> None:
        """As long as something is under way or was just written, the loop turns."""
        quiet, before = 0, (-1, -1, -1)
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            now = (len(pipe.written), pipe.turned, len(self._memory.rows))
            quiet = quiet + 1 if now == before else 0
            before = now
            if quiet >= QUIET_TURNS:
                return
        raise AssertionError("it never became quiet")


def _plain(answers: bytes) -> bytes:
    """The second of a ping, which the heartbeat door says, differs between two exchanges; the rest may not."""
    return re.sub(rb'"pinged_at":"[^"]*"', b'"pinged_at":""', answers)


@asynccontextmanager
async def twins(folder: Path) -> AsyncIterator[Twins]:
    """Both paths over one intake, which knows `KEYS` and takes every other key for unknown."""
    live = Live("unix:///nowhere", 1, GENERATION)
    intake = Intake(live, "main-0", [*(door.name for door in DOORS), batch.NAME])
    memory = Memory()
    for number, key in enumerate(KEYS, 1):
        intake._keyring.learn(key, known_key(Resolved(number, 0, KnownConfig(1, 1, f"job {number}"))))
    intake._keyring.is_unknown = lambda key, now_ms: True  # type: ignore[method-assign]
    intake._strangers = Strangers(most_unknown=10**9)
    intake._links[0] = intake._writers[0]._link = memory  # type: ignore[assignment, call-overload]
    settings = settings_for(folder, "unix:///nowhere")
    app = build_app(settings, {"settings": settings, "book": None, "live": live, "intake": intake})  # type: ignore[typeddict-item]
    sending = asyncio.create_task(intake.run())
    while not intake.is_heard:
        await asyncio.sleep(0)
    try:
        yield Twins(intake, memory, app)
    finally:
        intake.close()
        await sending
        await live.aclose()
