"""From entries of the log of deliveries to the rows of history.db. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from store.book.letter_writer import Growth, Move, NewDelivery, UntoldEvent
from store.live.channel_event import TrialEvent
from store.live.collected_event import HEAD_BYTES, count_of
from store.live.event_types import TYPES
from store.live.letters import Grown, LetterEntry, Made, Moved, MovedTo
from store.live.packing import read_event
from store.live.streams import EventEntry

# The state of a delivery, and what an attempt that led there is called.
_WORDS = {
    MovedTo.DELIVERED: ("delivered", "delivered"),
    MovedTo.RETRYING: ("retrying", "retry"),
    MovedTo.DEAD: ("dead", "dead"),
    MovedTo.DROPPED: ("dropped", "dropped"),
    MovedTo.WAITING: ("waiting", "waiting"),
}
_SETTLED = {MovedTo.DELIVERED, MovedTo.DEAD, MovedTo.DROPPED}
_log = logging.getLogger(__name__)


def changes_of(entry: LetterEntry) -> Iterator[NewDelivery | Growth | Move]:
    """What one call did to deliveries, in order."""
    if not entry.is_whole:
        _log.error("entry %s of the log of deliveries cannot be read to its end", entry.id)
    for record in entry.records:
        if isinstance(record, Made):
            yield from _made(record, entry)
        elif isinstance(record, Grown):
            yield Growth(
                live_id=record.delivery_id,
                event=record.event,
                events=count_of(record.event),
                is_head=len(record.event) == HEAD_BYTES,
            )
        else:
            yield _moved(record, entry.now_ms)


def untold_of(entry: EventEntry) -> UntoldEvent | None:
    """An event that is to be told; None for one that tells nobody, or cannot be read."""
    event = read_event(entry.event)
    if event is None or event.kind not in TYPES:
        return None
    return UntoldEvent(entry.id, entry.event, entry.restored_from)


def lost(live_id: str, now_ms: int) -> Move:
    """Redis does not know a delivery that should be there."""
    return Move(
        live_id=live_id,
        attempt=0,
        state="dropped",
        outcome="dropped",
        at_ms=now_ms,
        status=None,
        duration_ms=0,
        reason="Redis does not know of it any more, so what became of it is unknown",
        next_ms=None,
        settled_ms=now_ms,
    )


def _made(record: Made, entry: LetterEntry) -> Iterator[NewDelivery]:
    event = read_event(record.event)
    if event is None or event.kind not in TYPES:
        _log.error("an event in entry %s of the log of deliveries cannot be read", entry.id)
        return
    for channel_id in record.channel_ids:
        yield NewDelivery(
            id=str(event.delivery_id) if isinstance(event, TrialEvent) else "",
            events=count_of(record.event),
            live_id=f"{record.event_entry}:{channel_id}",
            org_id=event.org_id,
            monitor_id=event.monitor_id,
            channel_id=channel_id,
            incident_id=str(event.incident_id),
            type=TYPES[event.kind],
            created_ms=entry.now_ms,
            event=record.event,
        )


def _moved(record: Moved, now_ms: int) -> Move:
    state, outcome = _WORDS[record.to]
    return Move(
        live_id=record.delivery_id,
        attempt=record.attempt,
        state=state,
        outcome=outcome,
        at_ms=now_ms,
        status=record.status or None,
        duration_ms=record.duration_ms,
        reason=record.reason,
        next_ms=record.next_ms or None,
        settled_ms=now_ms if record.to in _SETTLED else None,
    )
