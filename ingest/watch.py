"""For those who watch Overdue itself: is it alive, is it ready, how is it doing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress

from prometheus_client import REGISTRY as OWN_REGISTRY
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from store.errors import Unavailable
from store.live.live import Tallies
from store.live.writers import Registered, registered
from store.metrics import (
    BLIND_SECONDS,
    DEAD_LETTERS_DROPPED,
    DELIVERY_LOG_DROPPED,
    HISTORY_DROPPED,
    RUNS_UNWATCHED,
)

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
        writers = await registered(live.shards)
    except Unavailable as error:
        return PlainTextResponse(f"not ready: {error}\n", 503, {"retry-after": "1"})
    missing = _unheard(writers, request.state.slots)
    missing += [part for part, is_alive in zip(OTHER_PARTS, alive, strict=True) if not is_alive]
    if missing:
        return PlainTextResponse(f"not ready: {' and '.join(missing)} missing\n", 503, {"retry-after": "1"})
    return PlainTextResponse("ready\n")


def _unheard(writers: list[Registered], expected: tuple[str, ...]) -> list[str]:
    """The ingest processes that are not heard in all shards."""
    heard = {one.slot for one in writers} - {one.slot for one in writers if not one.is_heard}
    return [f"ingest {slot}" for slot in expected if slot not in heard]


async def metrics(request: Request) -> Response:
    """Prometheus' text format: of all parts under `serve`, else of this process alone."""
    request.state.intake.show()
    tallies: Tallies | None = None
    with suppress(Unavailable):
        tallies = await request.state.live.tallies()
    return Response(await asyncio.to_thread(_render, tallies), media_type=CONTENT_TYPE_LATEST)


def _render(tallies: Tallies | None) -> bytes:
    registry = CollectorRegistry()
    if tallies is not None:
        registry.register(CountsOfRedis(tallies))
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(OWN_REGISTRY) + generate_latest(registry)
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


class CountsOfRedis(Collector):
    """What the scripts have counted, as Prometheus' counters; absent while Redis is away."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies

    def collect(self) -> Iterator[Metric]:
        for one in (
            BLIND_SECONDS,
            HISTORY_DROPPED,
            DELIVERY_LOG_DROPPED,
            DEAD_LETTERS_DROPPED,
            RUNS_UNWATCHED,
        ):
            yield CounterMetricFamily(one.name, one.meaning, getattr(self._tallies, one.field) / one.unit)
