"""The ingest part on stage: real HTTP on a free port, the stage's Redis, books in a folder of the test's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from ingest.main import run
from store.book.bootstrap import prepare
from store.part import Part
from store.settings import Settings, read_settings
from tests.patience import until


class Served(msgspec.Struct):
    """A running ingest: its address, a client for it, and a way to stop it."""

    client: httpx.AsyncClient
    key: str
    port: int
    part: Part
    running: asyncio.Task[None]

    async def make(self, **members: object) -> dict[str, str]:
        """Create a monitor in the second spelling; its members with `key`, its ping key."""
        reply = await self.client.post("/api/monitors", json={"name": "job", "interval": 30, **members})
        assert reply.status_code == 201, reply.text
        monitor: dict[str, str] = reply.json()
        monitor["key"] = monitor["pingUrl"].rsplit("/", 1)[1]
        return monitor

    async def stop(self) -> None:
        self.part.stop.set()
        await self.running


def settings_for(data: Path, redis_url: str, lane: str = "on", access_log: str = "off") -> Settings:
    environ = {
        "OVERDUE_DATA": str(data),
        "OVERDUE_REDIS_URL": redis_url,
        "OVERDUE_ADMIN_KEY": "k" * 32,
        "OVERDUE_LANE": lane,
        "OVERDUE_ACCESS_LOG": access_log,
    }
    return read_settings(environ, data / "none.toml")


@asynccontextmanager
async def serving(
    data: Path, redis_url: str, *, wait: bool = True, lane: str = "on", access_log: str = "off"
) -> AsyncIterator[Served]:
    """Runs ingest alone; `wait` until it has its writer slot (then pings are recorded)."""
    settings = settings_for(data, redis_url, lane, access_log)
    await prepare(settings)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    part = Part("ingest")
    running = asyncio.create_task(run(settings, part, listener.detach()))
    headers = {"x-api-key": "k" * 32}
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=20) as client:
        served = Served(client, "k" * 32, port, part, running)
        try:
            if wait:
                await until(lambda: _is_heard(client))
            yield served
        finally:
            await served.stop()


async def _is_heard(client: httpx.AsyncClient) -> bool:
    """Ready but for the other parts, which do not run here."""
    return "sweeper and recorder missing" in (await client.get("/readyz")).text
