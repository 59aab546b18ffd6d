"""Threshold rules on metrics. Kept here; judged by the recorder, told by the sweeper's dispatch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.creating import creates
from ingest.api.entity_tags import tagged
from ingest.api.operation import operation
from ingest.api.paging import PAGE_QUERY, cut, seal
from ingest.api.wire import Json
from store.book import metric_alerts, monitors
from store.book.alert_reader import AlertReader, Standing
from store.book.database import ConfigBook, Transaction
from store.book.history_reader import HISTORY_DB
from store.book.metric_alerts import AlertRow, Wanted
from store.metric_alert import Operator
from store.timestamps import rfc3339

MetricKey = Annotated[str, Meta(min_length=1, max_length=1000)]
Threshold = float | Annotated[str, Meta(max_length=1000)]
Triggers = Annotated[int, Meta(ge=1, le=1000)]


class CreateMetricAlert(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of POST /api/monitors/{id}/metric-alerts."""

    metric_key: MetricKey
    operator: Operator
    threshold: Threshold
    channel_id: UUID
    consecutive_triggers: Triggers = 1


class PatchMetricAlert(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body of PATCH /api/monitors/{id}/metric-alerts/{alertId}; what is left out stays as it is."""

    metric_key: MetricKey | UnsetType = UNSET
    operator: Operator | UnsetType = UNSET
    threshold: float | Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET
    channel_id: UUID | UnsetType = UNSET
    consecutive_triggers: Triggers | UnsetType = UNSET


class MetricAlertReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A rule as callers see it. `streak`: so many breaches in a row; `open`: enough of them, and none inside since."""

    id: str
    metric_key: str
    operator: str
    threshold: float | str
    channel_id: str
    consecutive_triggers: int
    streak: int
    open: bool
    created_at: str


class MetricAlertsReply(msgspec.Struct, frozen=True, rename="camel"):
    metric_alerts: list[MetricAlertReply]
    next_cursor: str | None


_CREATE = msgspec.json.Decoder(CreateMetricAlert)
_PATCH = msgspec.json.Decoder(PatchMetricAlert)


async def configured(call: Call, source: ConfigBook | Transaction) -> object:
    """What was asked for of the rule in the path."""
    monitor = await monitors.find(source, call.org_id, call.public_id)
    alert = await metric_alerts.find(source, call.org_id, monitor.config.id, call.id_named("alertId"))
    return alert.wanted


async def again(call: Call, made: str) -> Response:
    row = await metric_alerts.find(call.book, call.org_id, await _monitor_id(call), UUID(made))
    return Json((await _replies(call, [row]))[0], 201)


@operation(
    "Metrics and alerts",
    "Make a threshold rule",
    "Its channel is told when so many values in a row breach it, and when one is inside again.",
    body=_CREATE,
    reply=MetricAlertReply,
    status=201,
)
@creates(again, tagged=configured, id_name="alertId")
async def create(call: Call) -> Response:
    await _monitor_id(call)  # not there is said before a bad body is
    return Json(await make(call, await call.body(_CREATE)), 201)


@operation(
    "Metrics and alerts", "List the threshold rules of a monitor", query=PAGE_QUERY, reply=MetricAlertsReply
)
async def listing(call: Call) -> Response:
    return Json(await page(call))


async def make(call: Call, asked: CreateMetricAlert) -> MetricAlertReply:
    """A new rule of the monitor that the path names."""
    monitor_id = await _monitor_id(call)
    wanted = Wanted(
        metric_key=asked.metric_key,
        operator=asked.operator,
        threshold=asked.threshold,
        channel=asked.channel_id,
        consecutive_triggers=asked.consecutive_triggers,
    )
    row = await metric_alerts.create(call.book, call.org_id, monitor_id, wanted, call.now_ms)
    return reply_of(row, None)


async def page(call: Call) -> MetricAlertsReply:
    """The rules of the monitor that the path names."""
    monitor_id, page = await _monitor_id(call), PAGE_QUERY.decode(call.request).page
    found = await metric_alerts.page(call.book, call.org_id, monitor_id, page.after_id, page.limit_and_one)
    rows, last = cut(found, page.limit)
    return MetricAlertsReply(await _replies(call, rows), seal(str(last.id)) if last else None)


@operation("Metrics and alerts", "Look at a threshold rule", reply=MetricAlertReply)
@tagged(configured)
async def show(call: Call) -> Response:
    row = await metric_alerts.find(call.book, call.org_id, await _monitor_id(call), call.id_named("alertId"))
    return Json((await _replies(call, [row]))[0])


@operation(
    "Metrics and alerts",
    "Change a threshold rule",
    "What is left out stays as it is. A rule that is changed begins anew.",
    body=_PATCH,
    reply=MetricAlertReply,
)
@tagged(configured)
async def change(call: Call) -> Response:
    monitor_id, alert_id = await _monitor_id(call), call.id_named("alertId")
    asked = await call.body(_PATCH)
    changes = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
    if "channel_id" in changes:
        changes["channel"] = changes.pop("channel_id")
    row = await metric_alerts.change(call.book, call.org_id, monitor_id, alert_id, changes)
    return Json((await _replies(call, [row]))[0])


@operation("Metrics and alerts", "Delete a threshold rule", status=204)
@tagged(configured)
async def delete(call: Call) -> Response:
    await remove(call)
    return Response(status_code=204)


async def remove(call: Call) -> None:
    """Delete the rule that the path names."""
    monitor_id, alert_id = await _monitor_id(call), call.id_named("alertId")
    await metric_alerts.delete(call.book, call.org_id, monitor_id, alert_id)


async def _monitor_id(call: Call) -> int:
    return (await monitors.find(call.book, call.org_id, call.public_id)).config.id


async def _replies(call: Call, rows: Sequence[AlertRow]) -> list[MetricAlertReply]:
    standings = await AlertReader(call.settings.data / HISTORY_DB).standings([row.id for row in rows])
    return [reply_of(row, standings.get(row.id)) for row in rows]


def reply_of(row: AlertRow, standing: Standing | None) -> MetricAlertReply:
    """A rule with where it stands. What the recorder found of a former version is no concern of this one."""
    current = standing if standing is not None and standing.version == row.version else None
    return MetricAlertReply(
        id=str(row.public_id),
        metric_key=row.wanted.metric_key,
        operator=row.wanted.operator,
        threshold=row.wanted.threshold,
        channel_id=str(row.wanted.channel),
        consecutive_triggers=row.wanted.consecutive_triggers,
        streak=current.streak if current else 0,
        open=current.is_open if current else False,
        created_at=rfc3339(row.created_ms),
    )
