"""The ingest part: opens what it needs, serves until told to stop, answers what was committed, gives its slot back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial

import uvicorn

from ingest.access_log import AccessLog, LoggedLane
from ingest.app import State, build_app
from ingest.desk import Desk
from ingest.doors import DOORS, batch
from ingest.guard import IDLE_S, Guard
from ingest.intake import Intake
from ingest.lane import Lane
from store.book import installation
from store.book.database import CONFIG_DB, ConfigBook
from store.book.history_reader import HISTORY_DB, HistoryReader
from store.errors import SettingError
from store.keeping import keep_projected
from store.live.live import Live
from store.part import Part
from store.settings import Settings

CONNECTIONS_WAITING = 2048
GRACE_S = 3


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the part decides when to stop."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


async def run(settings: Settings, part: Part, fd: int | None = None) -> None:
    """Serve until `part.stop`.

    1. Listen (or take over the socket of `serve`), so that clients queue instead of being refused.
    2. Open the books and Redis. Redis may be away: then pings are answered 503 until it is back.
    3. Serve, and meanwhile send batches and keep Redis in step with the books.
    4. Stop: take no new requests, answer those under way, send the last batches, give the slot back, close.

    Raises:
        Fenced: another process took the writer slot over.
    """
    with _listen(settings, fd) as listener:
        async with _opened(settings) as state:
            sending = asyncio.create_task(state["intake"].run())
            keeping = asyncio.create_task(_keep(state, part))
            server = Server(_configure(settings, state))
            desk = Desk(state["intake"], server.server_state, settings.forwarded_allow_ips)
            server.config.http = partial(_protocol(settings), desk)  # type: ignore[assignment]
            watching = asyncio.create_task(desk.watch())
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            stopping = asyncio.create_task(part.stop.wait())
            await asyncio.wait({serving, sending, keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
            part.stop.set()
            state["intake"].close()
            stopping.cancel()
            watching.cancel()
            await asyncio.wait({sending, keeping})
            for ended in (sending, keeping):
                ended.result()


async def _keep(state: State, part: Part) -> None:
    history = HistoryReader(state["settings"].data / HISTORY_DB)
    await keep_projected(state["live"], state["book"], history, part.stop)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[State]:
    async with await ConfigBook.open(settings.data / CONFIG_DB) as book:
        installed = await installation.read(book)
        live = Live(settings.redis_url, installed.shards, installed.generation)
        intake = Intake(live, f"{settings.node}-0", [*(door.name for door in DOORS), batch.NAME])
        try:
            yield State(settings=settings, book=book, live=live, intake=intake)
        finally:
            await live.aclose()


def _protocol(settings: Settings) -> type[Guard]:
    if not settings.lane:
        return Guard
    return LoggedLane if settings.access_log else Lane


def _configure(settings: Settings, state: State) -> uvicorn.Config:
    app = build_app(settings, state)
    return uvicorn.Config(
        AccessLog(app) if settings.access_log else app,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=CONNECTIONS_WAITING,
    )


def _listen(settings: Settings, fd: int | None) -> socket.socket:
    if fd is not None:
        return socket.socket(fileno=fd)
    try:
        return socket.create_server((settings.host, settings.port), backlog=CONNECTIONS_WAITING)
    except OSError as error:
        raise SettingError(
            "OVERDUE_PORT", f"cannot listen on {settings.host}:{settings.port}: {error}"
        ) from error
