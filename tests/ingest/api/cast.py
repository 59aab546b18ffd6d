"""The admin API on stage: real HTTP, a real config.db, a real server behind it, and four people who call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import uvicorn
from starlette.applications import Starlette

from ingest.api.chat_reader import AppriseReader
from ingest.api.live import Live
from ingest.app import routes
from ingest.batch_endpoint import BatchEndpoint
from ingest.intake import Intake
from ingest.pages.fleets import Fleets
from store.book import installation, keys, orgs, plans
from store.book.bootstrap import prepare
from store.book.database import CONFIG_DB, ConfigBook
from store.keeping import drain_outbox
from store.plans import PlanChange
from store.settings import Settings
from tests.stage import GENERATION
from tests.store.book.cast import NOW_MS, settings_of

Json = dict[str, Any]

SESSION_SECRET = bytes(32)

LONG_AGO_MS = 1  # what is younger than now may be under way with the call that made it


@asynccontextmanager
async def serving(state: Mapping[str, Any]) -> AsyncIterator[str]:
    """Serves everything but pings over HTTP; yields the address."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        yield state

    app = Starlette(routes=routes([], BatchEndpoint(cast(Intake, None), 0)), lifespan=lifespan)
    config = uvicorn.Config(app, lifespan="on", ws="none", log_level="warning")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it every reply would take 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        # Start and stop by hand, because `serve` and `shutdown` wait in steps of 100 ms.
        await server.startup([listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with asyncio.timeout(5):
            while server.server_state.connections or server.server_state.tasks:
                await asyncio.sleep(0)
        for one in server.servers:
            one.close()
        await server.lifespan.shutdown()


class Api:
    """A running API with an HTTP client for each of those who call it."""

    def __init__(
        self, address: str, book: ConfigBook, live: Any, settings: Settings, people: dict[str, str]
    ) -> None:
        self.address = address
        self.book = book
        self.live = live
        self.settings = settings
        self._keys = people
        wire = httpx.AsyncHTTPTransport(verify=False)  # one for all: making one takes a while
        self._clients = {
            name: httpx.AsyncClient(
                base_url=address, transport=wire, headers={"x-api-key": key} if key else {}
            )
            for name, key in people.items()
        }
        self.owner = self._clients["owner"]
        self.reader = self._clients["reader"]
        self.stranger = self._clients["stranger"]
        self.nobody = self._clients["nobody"]
        self.liar = self._clients["liar"]

    def key_of(self, name: str) -> str:
        return self._keys[name]

    async def monitor(self, **changed: Any) -> Json:
        """A new monitor of the owner, made in the second spelling."""
        return await self._made("/api/monitors", {"name": "job", **changed})

    async def heartbeat(self, **changed: Any) -> Json:
        """A new monitor of the owner, made in the first spelling."""
        return await self._made("/api/v1/heartbeats", {"name": "job", **changed})

    async def channel(self, **changed: Any) -> Json:
        """A new channel of the owner."""
        return await self._made(
            "/api/channels", {"type": "webhook", "name": "ops", "url": "https://example.org/hook", **changed}
        )

    async def put_on_plan(self, **limits: int) -> None:
        """The owner's organisation gets a plan of its own, `tried`, which has these limits."""
        async with self.book.write() as tx:
            await plans.change(tx, PlanChange("tried", limits), LONG_AGO_MS)
            await orgs.move(tx, await orgs.by_name(tx, orgs.DEFAULT_ORG), "tried", LONG_AGO_MS)
        await drain_outbox(self.live, self.book, everything=True)

    async def _made(self, path: str, body: Json) -> Json:
        reply = await self.owner.post(path, json=body)
        assert reply.status_code == 201, reply.text
        made: Json = reply.json()
        return made

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()


async def first_start(data: Path) -> dict[str, str]:
    """A first start in `data` with two organisations; everybody's key."""
    prepared = await prepare(settings_of(data))
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        await installation.set_generation(book, GENERATION)
        ours = await orgs.by_name(book, orgs.DEFAULT_ORG)
        theirs = await orgs.create(book, "theirs", NOW_MS)
        return {
            "owner": str(prepared.admin_key),
            "reader": str((await keys.create(book, ours.id, "reader", keys.READ, NOW_MS))[1]),
            "stranger": str((await keys.create(book, theirs.id, "stranger", keys.WRITE, NOW_MS))[1]),
            "nobody": "",
            "liar": str(keys.draw_key()),
        }


@asynccontextmanager
async def api_on_stage(live: Live, data: Path, people: dict[str, str], **settings: str) -> AsyncIterator[Api]:
    """The API running over what a first start left in `data`."""
    chosen = settings_of(data, **settings)
    async with (
        await ConfigBook.open(data / CONFIG_DB) as book,
        serving(
            {
                "book": book,
                "live": live,
                "settings": chosen,
                "session_secret": SESSION_SECRET,
                "chat_reader": AppriseReader(),
                "fleets": Fleets(),
            }
        ) as address,
    ):
        api = Api(address, book, live, chosen, people)
        try:
            yield api
        finally:
            await api.aclose()
