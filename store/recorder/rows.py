"""From stream entries to the rows of history.db. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from store.beat import Beat, Signal, Signalled, decode_history
from store.book.history_writer import IncidentChange, PingValues, SentValues
from store.book.sample_writer import Taken
from store.book.signals import Said
from store.flat_json import Complaint, Metrics, read_metrics
from store.live.event_types import INCIDENT_KINDS
from store.live.heads import OUT_OF_DATE, Outcome, read_ended
from store.live.packing import Event, EventKind, read_event
from store.live.streams import EventEntry, PingEntry

CLAMP_MS = 3_600_000
RECORDED = "recorded"
# The metric that durations are charted as.
DURATION = "duration_ms"
_OUTCOMES = {Outcome.RECORDED: RECORDED, Outcome.PAUSED: "paused"}
# Columns of PingValues.
MONITOR: Final = 0
AT_MS: Final = 1
OUTCOME: Final = 2
BODY: Final = 9
_NOTHING_SENT: Final[SentValues] = ("", "", "", "", "", "", None)
_log = logging.getLogger(__name__)


class PingRows(msgspec.Struct, frozen=True):
    """Pings in order; `said` is what those signalled that were no plain pings, by their place among them."""

    pings: list[PingValues]
    said: dict[int, Said]


def ping_rows(entries: Iterable[PingEntry]) -> PingRows:
    """The pings that are history: those that the script recorded, or answered for a paused monitor."""
    rows = PingRows([], {})
    for entry in entries:
        _add(rows, entry)
    return rows


def _add(rows: PingRows, entry: PingEntry) -> None:
    try:
        beats = decode_history(entry.history)
    except ValueError as error:
        _log.error("history entry %s cannot be read and is left out: %s", entry.id, error)
        return
    if beats and beats[0].beat is None:
        _log.error("history entry %s does not begin with a beat and is left out", entry.id)
        return
    ended = read_ended(entry.ended) if entry.ended else {}
    now_ms, signalled, sent = entry.now_ms, None, _NOTHING_SENT
    for place, (row, byte) in enumerate(zip(beats, entry.outcomes, strict=False)):
        if row.beat is not None:
            signalled, sent = row.beat.signalled, _sent(row.beat)
        outcome = _OUTCOMES.get(byte & ~OUT_OF_DATE)  # type: ignore[call-overload]
        if outcome is None:
            continue
        # A stamp is believed within the last hour, which is as far back as a relay may tell.
        at_ms = max(now_ms - CLAMP_MS, min(row.arrival_ms, now_ms))
        if signalled is not None or place in ended:
            rows.said[len(rows.pings)] = _said(signalled or Signalled(), at_ms, ended.get(place))
        rows.pings.append((row.monitor_id, at_ms, outcome, *sent))


def _said(signalled: Signalled, at_ms: int, started_ms: int | None) -> Said:
    """What a ping signalled. The duration is what it says itself, or else what was measured."""
    if started_ms is not None and signalled.duration_ms is None:
        signalled = msgspec.structs.replace(signalled, duration_ms=max(0, at_ms - started_ms))
    return Said(signalled, started_ms)


def samples_of(rows: PingRows, first_id: int) -> list[Taken]:
    """The metrics of those pings that were recorded, from whatever door: their body, if it happens to be some, and how
    long a run took.

    `first_id` is the id of the first of these pings; the others follow.
    """
    taken = []
    durations = _durations(rows.said)
    for place, ping in enumerate(rows.pings):
        body, duration_ms = ping[BODY], durations.get(place)
        if (body or duration_ms is not None) and ping[OUTCOME] == RECORDED:
            metrics = _metrics(body, duration_ms)
            if metrics:
                taken.append(Taken(ping[MONITOR], ping[AT_MS], first_id + place, metrics))
    return taken


def _durations(said: Mapping[int, Said]) -> dict[int, int]:
    """How long those runs took that ended, by the place of the ping."""
    told = {place: one.signalled for place, one in said.items()}
    return {
        place: one.duration_ms
        for place, one in told.items()
        if one.duration_ms is not None and one.signal in (Signal.SUCCESS, Signal.FAIL)
    }


def _metrics(body: bytes | None, duration_ms: int | None) -> Metrics:
    """What a body says of a key comes before what was measured."""
    # Most bodies that are no metrics do not even begin like some.
    found = read_metrics(body) if body and body.lstrip().startswith(b"{") else {}
    metrics = {} if isinstance(found, Complaint) else found
    if duration_ms is not None:
        metrics.setdefault(DURATION, float(duration_ms))
    return metrics


def _sent(beat: Beat) -> SentValues:
    return (
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
