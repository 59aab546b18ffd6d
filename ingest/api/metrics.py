"""Metrics of a monitor: which there are, and what became of one over time."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.moments import Moment, check_order, read_span
from ingest.api.operation import operation
from ingest.api.query import QueryDecoder
from ingest.api.wire import Json
from store.book import monitors
from store.book.history_reader import HISTORY_DB
from store.book.sample_reader import MetricKey, Point, SampleReader, Span
from store.errors import Invalid, NotFound
from store.plans import DAY_MS
from store.settings import Settings
from store.timestamps import rfc3339

DEFAULT_SPAN_MS = DAY_MS
MOST_POINTS = 5_000
POINTS_WANTED = 300
MINUTE_S, HOUR_S, WEEK_S = 60, 3600, 604_800
STEPS_S = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
    172_800,
)
MOST_ASKED = 999_999_999


class AnyText(Convertor[str]):
    """The rest of a path, whatever it is: a key may hold slashes and line breaks."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


# Starlette knows convertors by name; there is no other way to give it one.
register_url_convertor("text", AnyText())


class MetricReply(msgspec.Struct, frozen=True, rename="camel"):
    """A key with its latest value; `type` (`number` or `string`) is that of this value."""

    key: str
    type: str
    last: float | str
    last_at: str


class MetricsReply(msgspec.Struct, frozen=True, rename="camel"):
    """`keys_refused`: so many values were dropped because their key would have been one too many."""

    metrics: list[MetricReply]
    keys_refused: int


class PointReply(msgspec.Struct, frozen=True, kw_only=True):
    """A step that begins at `t`. Of texts there is only the last one and how many there were."""

    t: str
    min: float | UnsetType = UNSET
    avg: float | UnsetType = UNSET
    max: float | UnsetType = UNSET
    last: float | str
    count: int


class PointsReply(msgspec.Struct, frozen=True):
    """`step` is in seconds. Steps without a value have no point."""

    key: str
    step: int
    points: list[PointReply]


class StepsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in steps; of the last 24 hours, unless asked otherwise."""

    from_: Moment = msgspec.field(name="from", default=None)
    to: Moment = None
    step: (
        Annotated[
            int, Meta(ge=1, le=MOST_ASKED, description=f"In seconds; at most {MOST_POINTS} steps in all.")
        ]
        | None
    ) = None
    points: Annotated[
        int, Meta(ge=1, le=MOST_ASKED, description="Without a step: one that makes about so many points.")
    ] = POINTS_WANTED


STEPS_QUERY = QueryDecoder(StepsQuery)


@operation(
    "Metrics and alerts", "List the metrics of a monitor", "With their latest values.", reply=MetricsReply
)
async def listing(call: Call) -> Response:
    return Json(await all_keys(call))


@operation(
    "Metrics and alerts",
    "Look at what became of a metric",
    "In steps of time. The key is the rest of the path, whatever is in it.",
    query=STEPS_QUERY,
    reply=PointsReply,
)
async def show(call: Call) -> Response:
    return Json(await points_of_key(call))


async def all_keys(call: Call) -> MetricsReply:
    """The keys of the monitor that the path names."""
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    found = await _samples(call).keys(monitor.config.id)
    return MetricsReply([_metric(one) for one in found.keys], found.refused)


async def points_of_key(call: Call) -> PointsReply:
    """What became of the key in the path, in the span that the query asks for."""
    return await points_of(call, call.request.path_params["key"])


async def points_of(call: Call, key: str) -> PointsReply:
    """What became of a key of the monitor that the path names, in the span that the query asks for."""
    monitor = await monitors.find(call.book, call.org_id, call.public_id)
    span = span_of(call)
    points = await _samples(call).points(monitor.config.id, key, span)
    if points is None:
        raise NotFound("There is no such metric.")
    shown = [_point(one) for one in points if one.at_ms + span.step_ms > call.history_since_ms]
    return PointsReply(key, span.step_ms // 1000, shown)


def choose_step_s(
    from_ms: int, to_ms: int, now_ms: int, settings: Settings, points: int = POINTS_WANTED
) -> int:
    """A round step for about so many points, and no finer than what is still kept of the time that is asked for."""
    least_s = 1
    if from_ms < now_ms - settings.samples_days * DAY_MS:
        least_s = MINUTE_S
    if from_ms < now_ms - settings.minutes_days * DAY_MS:
        least_s = HOUR_S
    length_ms = to_ms - from_ms
    for step_s in STEPS_S:
        if step_s >= least_s and length_ms <= step_s * 1000 * points:
            return step_s
    return -(-length_ms // (WEEK_S * 1000 * points)) * WEEK_S


def span_of(call: Call) -> Span:
    """`?from=&to=` in whole steps, the first from before, the last until after; of `?step=` or of about `?points=`."""
    asked = STEPS_QUERY.decode(call.request)
    from_ms, to_ms = read_span(asked.from_, asked.to)
    to_ms = call.now_ms + 1 if to_ms is None else to_ms
    from_ms = max(0, to_ms - DEFAULT_SPAN_MS) if from_ms is None else from_ms
    check_order(from_ms, to_ms)
    step_ms = 1000 * (asked.step or choose_step_s(from_ms, to_ms, call.now_ms, call.settings, asked.points))
    span = Span(from_ms // step_ms * step_ms, -(-to_ms // step_ms) * step_ms, step_ms)
    if (span.until_ms - span.from_ms) // step_ms > MOST_POINTS:
        raise Invalid(f"That would be more than {MOST_POINTS} points; choose a larger step.", "step")
    return span


def _samples(call: Call) -> SampleReader:
    return SampleReader(call.settings.data / HISTORY_DB)


def _metric(one: MetricKey) -> MetricReply:
    return MetricReply(
        one.key, "string" if isinstance(one.last, str) else "number", one.last, rfc3339(one.last_ms)
    )


def _point(point: Point) -> PointReply:
    at, found = rfc3339(point.at_ms), point.rollup
    if found.low is None or found.high is None:
        return PointReply(t=at, last=found.last, count=found.count)
    average = found.total / found.numbers
    return PointReply(t=at, min=found.low, avg=average, max=found.high, last=found.last, count=found.count)
