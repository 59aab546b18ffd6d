"""What the page of a monitor shows, gathered from the API's functions; and the tag by which news are known."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from ingest.api import history, metric_alerts, metrics, monitors, registry, uptime
from ingest.api.call import Call
from ingest.api.history import IncidentReply, PingReply
from ingest.api.metric_alerts import MetricAlertReply
from ingest.api.metrics import MetricsReply
from ingest.api.monitors import MonitorReply
from ingest.api.registry import Watched
from ingest.api.uptime import PeriodReply
from store.book import channels
from store.book import metric_alerts as rules
from store.book.history_reader import HISTORY_DB
from store.book.pulse import Pulse, pulse
from store.monitor import due_of
from store.timestamps import moment, rfc3339

PINGS_SHOWN, INCIDENTS_SHOWN = 20, 10
MOST_CHANNELS = 1000
# Uptime and the words of time change by themselves.
STALE_AFTER_MS = 60_000


class Glance(msgspec.Struct, frozen=True):
    """What can be had quickly, and a tag that is another one when there is something new to show."""

    watched: Watched
    pulse: Pulse
    tag: str


class MonitorView(msgspec.Struct, frozen=True):
    """All that is shown. `interval_s` of one with a schedule is its longest; `since` is when the monitor became what it
    is, None if that is not known."""

    monitor: MonitorReply
    interval_s: int
    since: str | None
    uptime: dict[str, PeriodReply]
    pings: list[PingReply]
    more_pings: bool
    incidents: list[IncidentReply]
    more_incidents: bool
    metrics: MetricsReply
    alerts: list[MetricAlertReply]
    channels: dict[str, str]
    now: str
    tag: str


async def glance_at(call: Call) -> Glance:
    """The monitor that the path names, from a query, a call to Redis and one look into the history."""
    watched = await registry.find(call, call.public_id)
    monitor_id = watched.row.config.id
    alerts = await rules.page(call.book, call.org_id, monitor_id, 0, rules.MOST_RULES)
    alert_ids = [one.id for one in alerts]
    beats = await pulse(call.settings.data / HISTORY_DB, monitor_id, alert_ids, INCIDENTS_SHOWN)
    shown = (
        watched.row,
        watched.status,
        watched.seen_ms,
        watched.deadline_ms,
        watched.quiet_until_ms,
        alerts,
        beats,
        call.caller.scope,
        call.now_ms // STALE_AFTER_MS,
    )
    return Glance(watched, beats, f'"{sha256(msgspec.json.encode(shown)).hexdigest()[:24]}"')


async def view(call: Call) -> MonitorView:
    """The monitor that the path names. The tag is older than what it stands for, so nothing new is missed."""
    glance = await glance_at(call)
    pings = await history.pings_page(call, PINGS_SHOWN)
    incidents = await history.incidents_page(call, INCIDENTS_SHOWN)
    told = await channels.page(call.book, call.org_id, 0, MOST_CHANNELS)
    return MonitorView(
        monitor=monitors.reply_of(call, glance.watched),
        interval_s=glance.watched.row.config.interval_s,
        since=moment(_since_ms(glance)),
        uptime=(await uptime.find(call)).windows,
        pings=pings.pings,
        more_pings=pings.next_cursor is not None,
        incidents=incidents.incidents,
        more_incidents=incidents.next_cursor is not None,
        metrics=await metrics.all_keys(call),
        alerts=(await metric_alerts.page(call)).metric_alerts,
        channels={str(one.public_id): one.name for one in told},
        now=rfc3339(glance.watched.now_ms),
        tag=glance.tag,
    )


def _since_ms(glance: Glance) -> int | None:
    """Since when the monitor is what it is; None where nothing that is noted says so.

    Of one that is up that is the end of its last silence, unless it was paused or resumed since: when the first ping
    after that came, or after it was made, is noted nowhere.
    """
    watched, state = glance.watched, glance.watched.state
    row, recovered_ms = watched.row, glance.pulse.recovered_ms
    match watched.status:
        case "down":
            return state.down_at_ms if state else None
        case "late":
            return due_of(row.config, watched.deadline_ms) if watched.deadline_ms is not None else None
        case "paused":
            return row.pause_changed_ms
        case "new":
            return row.pause_changed_ms or row.created_ms
        case _:
            return recovered_ms if (recovered_ms or 0) > (row.pause_changed_ms or 0) else None
