"""The ingest part: opens what it needs, serves until told to stop, answers what was committed, gives its slot back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial

import uvicorn

from ingest.access_log import AccessLog, LoggedLane
from ingest.api.chat_reader import AppriseReader
from ingest.app import State, build_app
from ingest.desk import Desk
from ingest.doors import DOORS, batch
from ingest.guard import IDLE_S, Guard
from ingest.intake import Intake
from ingest.lane import Lane
from ingest.neighbours import Neighbours
from ingest.pages.fleets import Fleets
from store.book import installation, session_secret
from store.book.database import CONFIG_DB, ConfigBook
from store.book.history_reader import HISTORY_DB, HistoryReader
from store.clock import monotonic_ms
from store.errors import SettingError
from store.keeping import keep_projected
from store.live.live import Live
from store.live.writers import slot_of
from store.part import Part
from store.settings import Settings

CONNECTIONS_WAITING = 2048
GRACE_S = 3
SLOT_WITHIN_MS = 2_000
LOOK_EVERY_S = 0.005
SHOW_EVERY_S = 1.0


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the part decides when to stop. It serves its neighbours' clients too."""

    def __init__(self, config: uvicorn.Config, neighbours: Sequence[socket.socket]) -> None:
        super().__init__(config)
        self._neighbours = Neighbours(neighbours, self._create_protocol)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        self._neighbours.look()
        return await super().on_tick(counter)

    def _create_protocol(self) -> asyncio.BaseProtocol:
        """As uvicorn does it for its own socket."""
        make: Callable[..., asyncio.BaseProtocol] = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


async def run(
    settings: Settings, part: Part, fd: int | None = None, neighbours: tuple[int, ...] = (), worker: int = 0
) -> None:
    """Serve until `part.stop`, on the socket `fd` and on what `neighbours` leave waiting at theirs.

    1. Listen (or take over the socket of `serve`), so that clients queue instead of being refused.
    2. Open the books and Redis. Redis may be away: then pings are answered 503 until it is back.
    3. Take the writer slot, and wait for it a moment: who answered without one would hear what the clock does not
       wait for, as another process may hold it already.
    4. Serve, and meanwhile send batches and keep Redis in step with the books.
    5. Stop: take no new requests, answer those under way, send the last batches, give the slot back, close.

    Of several processes that share a port, each has a writer slot of its own, by its number `worker`.

    Raises:
        Fenced: another process took the writer slot over.
    """
    with _listen(settings, fd) as listener:
        own, sharing = slot_of(settings.node, worker), range(settings.workers)
        # Who was not given a socket has bound one of its own.
        slots = (own,) if fd is None else tuple(slot_of(settings.node, one) for one in sharing)
        async with _opened(settings, own, slots) as state:
            sending = asyncio.create_task(state["intake"].run())
            keeping = asyncio.create_task(_keep(state, part))
            showing = asyncio.create_task(_show(state["intake"]))
            await _slot_taken(state["intake"], part.stop)
            server = Server(_configure(settings, state), [socket.socket(fileno=one) for one in neighbours])
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
            showing.cancel()
            await asyncio.wait({sending, keeping})
            for ended in (sending, keeping):
                ended.result()


async def _keep(state: State, part: Part) -> None:
    history = HistoryReader(state["settings"].data / HISTORY_DB)
    await keep_projected(state["live"], state["book"], history, part.stop)


async def _slot_taken(intake: Intake, stop: asyncio.Event) -> None:
    """Returns when the slot is taken; after a moment without it too, as a 503 is better than to be kept waiting."""
    until_ms = monotonic_ms() + SLOT_WITHIN_MS
    while not intake.is_heard and not stop.is_set() and monotonic_ms() < until_ms:
        await asyncio.sleep(LOOK_EVERY_S)


async def _show(intake: Intake) -> None:
    """Tell Prometheus every second how many pings wait: a scrape comes to one process of several."""
    while True:
        intake.show()
        await asyncio.sleep(SHOW_EVERY_S)


@asynccontextmanager
async def _opened(settings: Settings, slot: str, slots: tuple[str, ...]) -> AsyncIterator[State]:
    async with await ConfigBook.open(settings.data / CONFIG_DB) as book:
        installed = await installation.read(book)
        live = Live(settings.redis_url, installed.shards, installed.generation)
        intake = Intake(live, slot, [*(door.name for door in DOORS), batch.NAME])
        try:
            yield State(
                settings=settings,
                book=book,
                live=live,
                intake=intake,
                session_secret=await session_secret.read(book),
                fleets=Fleets(),
                chat_reader=AppriseReader(),
                slots=slots,
            )
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
