"""What becomes of a delivery after an attempt, what the log is to know of it, and what the other channels are told."""

from __future__ import annotations

import random

import msgspec

from store.last_ping import NOTHING
from store.live.channel_event import ChannelTold, FailingEvent, TrialEvent
from store.live.delivering import Lease, Report, Settlement
from store.live.event_kind import EventKind
from sweeper.channels.attempt import Attempt
from sweeper.channels.reasons import short
from sweeper.schedule import wait_before_next

# A reminder that cannot be told soon is not told: the next one comes anyway, and an up may wait behind it.
REMINDER_WAITS_MS = 30_000
# Where some recipients have it, the others are tried for a minute and a half: the end of the incident waits for them,
# and those who have its beginning wait for that. The next incident does not: if they waited for long, the last that
# they hear might be that all is well while it is not.
PARTLY_AT_MOST = 4


def judge(one: Lease, attempt: Attempt) -> tuple[Settlement, int]:
    """What becomes of a delivery after this attempt, and the wait in ms before the next."""
    # Whoever tries a channel looks at what became of it, and tries again.
    if isinstance(one.event, TrialEvent):
        return ("done" if attempt.outcome == "delivered" and not attempt.misses else "gone"), 0
    if attempt.outcome == "delivered":
        return "done", 0
    if attempt.outcome in {"gone", "rejected"}:
        return "dead", 0
    wait_ms = wait_before_next(one.attempt, attempt.retry_after_s, random.random)
    if is_reminder(one) and (wait_ms or 0) > REMINDER_WAITS_MS:
        wait_ms = None
    if attempt.outcome == "partly" and (wait_ms is None or one.attempt >= PARTLY_AT_MOST):
        return "done", 0
    return ("dead", 0) if wait_ms is None else ("retry", wait_ms)


def report_of(one: Lease, attempt: Attempt, settlement: Settlement) -> Report:
    """An attempt as the log is to know it, and what the other channels are told if that is how it ends for somebody."""
    reason, is_disabled = short(attempt.reason), attempt.outcome == "gone"
    is_partial = (settlement == "done" and attempt.outcome == "partly") or attempt.misses
    told = None
    if settlement == "dead" or is_partial:
        told = failing(one, reason, is_disabled=is_disabled, is_partial=is_partial and settlement != "dead")
    return Report(
        status=attempt.status,
        duration_ms=max(0, attempt.duration_ms),
        reason=reason,
        disables=is_disabled,
        failing=told,
        noted=msgspec.structs.replace(one.noted or NOTHING, answers=attempt.answers)
        if attempt.answers
        else None,
    )


def untold(reason: str, told: ChannelTold | None = None) -> Report:
    """Why there was no attempt."""
    return Report(was_made=False, reason=reason, failing=told)


def failing(one: Lease, reason: str, *, is_disabled: bool, is_partial: bool = False) -> ChannelTold | None:
    """What the others are told of a channel that fails; not when it was tried, or was to hear of another one."""
    if one.channel is None or isinstance(one.event, FailingEvent | TrialEvent):
        return None
    channel = one.channel
    return ChannelTold(channel.public_id, channel.name, channel.kind, reason, is_disabled, is_partial)


def is_reminder(one: Lease) -> bool:
    return one.event is not None and one.event.kind == EventKind.REMINDER
