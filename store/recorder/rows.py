"""From stream entries to the rows of history.db. Pure."""

from __future__ import annotations

import logging

from store.beat import BeatRow, decode_history
from store.book.history_writer import IncidentChange, PingValues
from store.live.packing import OUT_OF_DATE, EventKind, Outcome, read_event
from store.live.streams import EventEntry, PingEntry

CLAMP_MS = 3_600_000
_OUTCOMES = {Outcome.RECORDED: "recorded", Outcome.PAUSED: "paused"}
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
    """What an event means for its incident."""
    event = read_event(entry.event)
    if event is None:
        _log.error("event %s cannot be read and is left out", entry.id)
        return None
    return IncidentChange(
        id=str(event.incident_id),
        monitor_id=event.monitor_id,
        org_id=event.org_id,
        silence_ms=event.silence_ms,
        started_ms=event.started_ms,
        ended_ms=None if event.kind == EventKind.DOWN else event.at_ms,
    )
