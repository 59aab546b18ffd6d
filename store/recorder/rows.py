"""From stream entries to the rows of history.db. Pure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from store.beat import BeatRow, decode_history
from store.book.history_writer import IncidentChange, PingValues
from store.book.sample_writer import Taken
from store.flat_json import Complaint, read_metrics
from store.live.event_types import INCIDENT_KINDS
from store.live.heads import OUT_OF_DATE, Outcome
from store.live.packing import Event, EventKind, read_event
from store.live.streams import EventEntry, PingEntry

CLAMP_MS = 3_600_000
RECORDED = "recorded"
_OUTCOMES = {Outcome.RECORDED: RECORDED, Outcome.PAUSED: "paused"}
# Columns of PingValues.
MONITOR: Final = 0
AT_MS: Final = 1
OUTCOME: Final = 2
BODY: Final = 9
_log = logging.getLogger(__name__)


def ping_rows(entry: PingEntry) -> list[PingValues]:
    """The pings of a batch that are history: those that the script recorded, or answered for a paused monitor."""
    try:
        rows = decode_history(entry.history)
    except ValueError as error:
        _log.error("history entry %s cannot be read and is left out: %s", entry.id, error)
        return []
    kept = []
    for row, byte in zip(rows, entry.outcomes, strict=False):
        outcome = _OUTCOMES.get(byte & ~OUT_OF_DATE)  # type: ignore[call-overload]
        if outcome is not None:
            kept.append(_values(row, outcome, entry.now_ms))
    return kept


def samples_of(pings: Sequence[PingValues], first_id: int) -> list[Taken]:
    """The metrics of those pings that were recorded and whose body happens to be some, from whatever door.

    `first_id` is the id of the first of these pings; the others follow.
    """
    taken = []
    for ping_id, ping in enumerate(pings, start=first_id):
        body = ping[BODY]
        # Most bodies that are no metrics do not even begin like some.
        if body and ping[OUTCOME] == RECORDED and body.lstrip().startswith(b"{"):
            metrics = read_metrics(body)
            if metrics and not isinstance(metrics, Complaint):
                taken.append(Taken(ping[MONITOR], ping[AT_MS], ping_id, metrics))
    return taken


def _values(row: BeatRow, outcome: str, now_ms: int) -> PingValues:
    beat = row.beat
    return (
        row.monitor_id,
        # A stamp is believed within the last hour, which is as far back as a relay may tell.
        max(now_ms - CLAMP_MS, min(row.arrival_ms, now_ms)),
        outcome,
        beat.method,
        beat.host.decode("utf-8", "replace"),
        beat.query.decode("utf-8", "replace"),
        beat.content_type.decode("utf-8", "replace"),
        beat.user_agent.decode("utf-8", "replace"),
        beat.sender,
        beat.body or None,
    )


def incident_change(entry: EventEntry) -> IncidentChange | None:
    """What an event means for its incident; a reminder nothing. A metric's was written by this recorder already."""
    event = read_event(entry.event)
    if event is None:
        _log.error("event %s cannot be read and is left out", entry.id)
        return None
    if not isinstance(event, Event) or event.kind == EventKind.REMINDER:
        return None
    return IncidentChange(
        id=str(event.incident_id),
        monitor_id=event.monitor_id,
        org_id=event.org_id,
        silence_ms=event.silence_ms,
        started_ms=event.started_ms,
        ended_ms=None if event.kind == EventKind.DOWN else event.at_ms,
        kind=INCIDENT_KINDS[event.cause],
        delayed_ms=event.delayed_ms or None,
    )
