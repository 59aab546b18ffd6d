"""Every monitor of an organisation as Prometheus series: what it is, when it pinged, and what it said of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response, StreamingResponse

from ingest.api import registry
from ingest.api.call import Call
from ingest.api.operation import operation
from ingest.api.registry import Watched
from store.book import monitors
from store.book.history_reader import HISTORY_DB
from store.book.last_values import LastNumber, last_numbers

MOST_MONITORS = 10_000
MOST_METRICS = 20_000
PAGE = 500

# So many series are written at a time, a few milliseconds: pings are answered by this same loop.
SLICE = 100

STATUSES = ("new", "up", "late", "down", "paused")
_WHO = ("monitor", "name", "tags")

# Name, meaning and labels of each family; `docs/plans-and-keys.md` shows them.
FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("overdue_monitor_status", "1 for the status that a monitor has, 0 for the others.", (*_WHO, "status")),
    ("overdue_monitor_last_ping_timestamp_seconds", "When a monitor pinged last.", _WHO),
    ("overdue_monitor_deadline_timestamp_seconds", "By when a monitor has to ping.", _WHO),
    ("overdue_monitor_metric", "The latest number that a monitor sent under a key.", (*_WHO, "key")),
    ("overdue_export_cut", "1 if there is more than is exported: of monitors, of metrics.", ("what",)),
)

# The values of a series' labels, and its own.
Sample = tuple[Sequence[str], float]


class Snapshot(msgspec.Struct):
    """What is exported; `more_monitors` and `more_metrics` say that something was left out."""

    watched: list[Watched]
    numbers: list[LastNumber]
    more_monitors: bool = False
    more_metrics: bool = False


class OneFamily(Collector):
    """Some series of one family."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], samples: Iterable[Sample]) -> None:
        self._family = GaugeMetricFamily(name, meaning, labels=labels)
        for values, number in samples:
            self._family.add_metric(values, number)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return (self._family,)


@operation(
    "Organisation and keys",
    "Scrape all monitors",
    "Every monitor of the organisation as Prometheus series, in the text format.",
    media=CONTENT_TYPE_LATEST,
)
async def show(call: Call) -> Response:
    return StreamingResponse(_text(await _snapshot(call)), media_type=CONTENT_TYPE_LATEST)


async def _snapshot(call: Call) -> Snapshot:
    """The oldest monitors, up to the limits."""
    snapshot = Snapshot([], [])
    path, after_id = call.settings.data / HISTORY_DB, 0
    while rows := await monitors.page(call.book, call.org_id, after_id, PAGE):
        if len(snapshot.watched) >= MOST_MONITORS:
            snapshot.more_monitors = True
            break
        snapshot.watched += await registry.watched(call, rows)
        room = MOST_METRICS - len(snapshot.numbers)
        numbers = await last_numbers(path, [row.config.id for row in rows], room + 1)
        snapshot.more_metrics = snapshot.more_metrics or len(numbers) > room
        snapshot.numbers += numbers[:room]
        after_id = rows[-1].config.id
    return snapshot


async def _text(snapshot: Snapshot) -> AsyncIterator[bytes]:
    """The whole text, slice by slice. A family says its name and meaning before its first series only."""
    for (name, meaning, labels), samples in zip(FAMILIES, _samples(snapshot), strict=True):
        header_lines = 0
        while some := list(islice(samples, SLICE)):
            text = generate_latest(OneFamily(name, meaning, labels, some))
            yield text.split(b"\n", header_lines)[-1]
            header_lines = 2
            await asyncio.sleep(0)


def _samples(snapshot: Snapshot) -> Iterator[Iterator[Sample]]:
    """The series of each family, in the order of FAMILIES."""
    who = {one.row.config.id: _labels(one) for one in snapshot.watched}
    watched = [(who[one.row.config.id], one) for one in snapshot.watched]
    yield (((*labels, word), one.status == word) for labels, one in watched for word in STATUSES)
    yield ((labels, one.seen_ms / 1000) for labels, one in watched if one.seen_ms is not None)
    yield ((labels, one.deadline_ms / 1000) for labels, one in watched if one.deadline_ms is not None)
    yield (((*who[one.monitor_id], one.key), one.value) for one in snapshot.numbers)
    yield iter(((("monitors",), snapshot.more_monitors), (("metrics",), snapshot.more_metrics)))


def _labels(watched: Watched) -> tuple[str, str, str]:
    config = watched.row.config
    return str(config.public_id), config.name, ",".join(watched.row.tags)
