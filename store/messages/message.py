"""What a channel is told about an event: the JSON of the contract, the same bytes on every attempt."""

from __future__ import annotations

from uuid import UUID, uuid5

import msgspec
from msgspec import UNSET, UnsetType, field

from store.last_ping import NOTHING, LastPing, Noted
from store.live.channel_event import FailingEvent, TrialEvent
from store.live.collected_event import CollectedEvent
from store.live.event_kind import Cause
from store.live.event_types import INCIDENT_KINDS, TYPES
from store.live.packing import AnyEvent, Event, EventKind, MetricEvent
from store.live.unheard_event import UnheardEvent
from store.messages.channel import FailingData, TrialData, failing, trial
from store.messages.collected import CollectedData, collected
from store.messages.links import monitor_page
from store.messages.notice import Notice
from store.timestamps import rfc3339

ENDS = (EventKind.UP, EventKind.CLEARED)
_encode = msgspec.json.Encoder().encode


class MonitorTold(msgspec.Struct, frozen=True, rename="camel"):
    """The monitor, as it was when the event happened. `last_ping_at` is its last sign of life; None: it never gave one.

    `schedule` are the words for when it is due, if that is not every interval. A threshold's message does not say it.
    """

    id: str
    name: str
    interval: int
    grace_period: int
    last_ping_at: str | None
    schedule: str | UnsetType | None = UNSET


class IncidentTold(msgspec.Struct, frozen=True, rename="camel"):
    """The incident; `ended_at` is None while it is open, the last unless blind time made the deadline later."""

    id: str
    kind: str
    started_at: str
    ended_at: str | None
    delayed_by_seconds: float | None


class AlertTold(msgspec.Struct, frozen=True, rename="camel"):
    """The threshold rule, as it was when the event happened."""

    id: str
    metric_key: str
    operator: str
    threshold: float | str
    consecutive_triggers: int


class LastPingTold(msgspec.Struct, frozen=True, rename="camel"):
    """What the monitor sent last, and who did; `message` is the end of the body if `is_cut`."""

    at: str
    from_: str = field(name="from")
    user_agent: str
    signal: str
    exit_code: int | None
    message: str
    is_cut: bool


class RunTold(msgspec.Struct, frozen=True, rename="camel"):
    """The run that took too long: when it began, and how many seconds it may take."""

    started_at: str
    max_runtime: int


class Data(msgspec.Struct, frozen=True, rename="camel"):
    """`last_ping` is None where there is none, or it could not be looked up in time; of an up it is not asked for.

    `run` is there where one took too long, and it is known how long it may; `failures_before_alert`, where more than
    one failure in a row makes an incident; `url`, the page of the monitor, where it is known how this installation is
    reached.
    """

    monitor: MonitorTold
    incident: IncidentTold
    last_ping: LastPingTold | None
    run: RunTold | UnsetType = UNSET
    failures_before_alert: int | UnsetType = UNSET
    url: str | UnsetType = UNSET


class MetricData(msgspec.Struct, frozen=True):
    """`value` is the one that breached the threshold, or the first one inside again; `url` as in `Data`."""

    monitor: MonitorTold
    incident: IncidentTold
    alert: AlertTold
    value: float | str
    url: str | UnsetType = UNSET


class MonitorNamed(msgspec.Struct, frozen=True):
    id: str
    name: str


class MonitorsUnheard(msgspec.Struct, frozen=True):
    """How many monitors, and the first of them."""

    count: int
    examples: list[MonitorNamed]


class UnheardData(msgspec.Struct, frozen=True, rename="camel"):
    """From when to when nothing could be heard, and whom that concerns; `goes_on`: it was not over then."""

    from_: str = field(name="from")
    to: str
    seconds: float
    goes_on: bool
    monitors: MonitorsUnheard


class Told(msgspec.Struct, frozen=True):
    """The whole message. `timestamp` is the moment of the event, not of the attempt."""

    type: str
    timestamp: str
    data: Data | MetricData | UnheardData | CollectedData | TrialData | FailingData


class _BegunIncident(msgspec.Struct, frozen=True):
    id: str


class _BegunData(msgspec.Struct, frozen=True):
    incident: _BegunIncident | None = None


class _Begun(msgspec.Struct, frozen=True):
    """As much of a notice as tells what it goes on from."""

    type: str
    data: _BegunData


_FOLLOWING = {TYPES[EventKind.UP], TYPES[EventKind.REMINDER]}
_begun = msgspec.json.Decoder(_Begun)


def notice_of(event: AnyEvent, noted: Noted = NOTHING, base_url: str = "") -> Notice:
    """An event as every channel gets it; its id is the same for the same event, also after a rebuild (UUIDv5).

    `base_url` is where this installation is reached, if that is known.
    """
    kind = TYPES[event.kind]
    body = _encode(Told(kind, rfc3339(event.at_ms), _data(event, noted, base_url)))
    # An incident has one down and one up, but many reminders.
    name = f"{kind}:{event.at_ms}" if event.kind == EventKind.REMINDER else kind
    return Notice(str(uuid5(event.incident_id, name)), body)


def beginning_of(body: bytes) -> str | None:
    """The id of the message that a notice goes on from: of an up or a reminder, that of its down."""
    told = _begun.decode(body)
    if told.type not in _FOLLOWING or told.data.incident is None:
        return None
    return str(uuid5(UUID(told.data.incident.id), TYPES[EventKind.DOWN]))


def _data(
    event: AnyEvent,
    noted: Noted,
    base_url: str,
) -> Data | MetricData | UnheardData | CollectedData | TrialData | FailingData:
    if isinstance(event, UnheardEvent):
        return _unheard(event)
    if isinstance(event, CollectedEvent):
        return collected(event)
    if isinstance(event, TrialEvent):
        return trial(event)
    if isinstance(event, FailingEvent):
        return failing(event)
    monitor, incident = _monitor(event), _incident(event)
    url = monitor_page(base_url, monitor.id) or UNSET
    if not isinstance(event, MetricEvent):
        return Data(
            monitor=monitor,
            incident=incident,
            last_ping=_last_ping(noted.ping),
            run=_run(event, noted),
            failures_before_alert=noted.failures if noted.failures > 1 else UNSET,
            url=url,
        )
    told = event.told
    alert = AlertTold(
        id=str(told.public_id),
        metric_key=told.metric_key,
        operator=told.operator,
        threshold=told.threshold,
        consecutive_triggers=told.consecutive_triggers,
    )
    return MetricData(monitor, incident, alert, told.value, url)


def _unheard(event: UnheardEvent) -> UnheardData:
    examples = [MonitorNamed(str(one.public_id), one.name) for one in event.told.examples]
    return UnheardData(
        from_=rfc3339(event.from_ms),
        to=rfc3339(event.to_ms),
        seconds=(event.to_ms - event.from_ms) / 1000,
        goes_on=event.told.goes_on,
        monitors=MonitorsUnheard(event.told.count, examples),
    )


def _run(event: Event, noted: Noted) -> RunTold | UnsetType:
    if event.cause != Cause.OVERRUN or not noted.max_runtime_s or event.run_started_ms == 0:
        return UNSET
    began_ms = event.run_started_ms
    if began_ms is None:
        # It was to be over when the incident began.
        began_ms = event.started_ms - event.delayed_ms - noted.max_runtime_s * 1000
    return RunTold(rfc3339(began_ms), noted.max_runtime_s)


def _last_ping(ping: LastPing | None) -> LastPingTold | None:
    if ping is None:
        return None
    return LastPingTold(
        at=rfc3339(ping.at_ms),
        from_=ping.sender,
        user_agent=ping.user_agent,
        signal=ping.signal or "success",
        exit_code=ping.exit_code,
        message=ping.message,
        is_cut=ping.is_cut,
    )


def _monitor(event: Event | MetricEvent) -> MonitorTold:
    return MonitorTold(
        id=str(event.public_id),
        name=event.name,
        interval=event.interval_s,
        grace_period=event.grace_s,
        last_ping_at=rfc3339(event.seen_ms) if event.seen_ms else None,
        schedule=(event.schedule or None) if isinstance(event, Event) else UNSET,
    )


def _incident(event: Event | MetricEvent) -> IncidentTold:
    delayed_ms = event.delayed_ms if isinstance(event, Event) else 0
    return IncidentTold(
        id=str(event.incident_id),
        kind="metric" if isinstance(event, MetricEvent) else INCIDENT_KINDS[event.cause],
        started_at=rfc3339(event.started_ms),
        ended_at=rfc3339(event.at_ms) if event.kind in ENDS else None,
        delayed_by_seconds=delayed_ms / 1000 if delayed_ms else None,
    )
