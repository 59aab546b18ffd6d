"""For those who watch Overdue itself: is it alive, is it ready, how is it doing."""

from __future__ import annotations

import asyncio
import os

from prometheus_client import REGISTRY as OWN_REGISTRY
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from store.errors import Unavailable

OTHER_PARTS = ("sweeper", "recorder")


async def livez(request: Request) -> Response:
    """200 as long as this process turns its loop."""
    return PlainTextResponse("alive\n")


async def readyz(request: Request) -> Response:
    """200 when pings are recorded, silence is noticed and history is written; else 503 with what is missing."""
    live = request.state.live
    try:
        await live.ready()
        if not request.state.intake.is_heard:
            raise Unavailable("ingest has no writer slot yet")
        alive = await live.alive(OTHER_PARTS)
    except Unavailable as error:
        return PlainTextResponse(f"not ready: {error}\n", 503, {"retry-after": "1"})
    missing = [part for part, is_alive in zip(OTHER_PARTS, alive, strict=True) if not is_alive]
    if missing:
        return PlainTextResponse(f"not ready: {' and '.join(missing)} missing\n", 503, {"retry-after": "1"})
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    """Prometheus' text format: of all parts under `serve`, else of this process alone."""
    request.state.intake.show()
    return Response(await asyncio.to_thread(_render), media_type=CONTENT_TYPE_LATEST)


def _render() -> bytes:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(OWN_REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
