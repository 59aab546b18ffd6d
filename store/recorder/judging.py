"""Whether a sample breaches a threshold rule, how often in a row, and what that is worth telling. Pure."""

from __future__ import annotations

import msgspec

from store.book.alert_writer import AlertState
from store.book.rule_reader import Rule
from store.live.packing import AlertTold, EventKind, MetricEvent
from store.metric_alert import breaches, incident_of


def judge(
    rule: Rule, state: AlertState, value: float | str, at_ms: int, *, is_quiet: bool = False
) -> tuple[AlertState, MetricEvent | None]:
    """Where the rule stands after one more sample, and the event, if there is something to tell.

    A value of the other type says nothing, and no more does a breach while it `is_quiet`, in a maintenance window.
    Moments are those of the samples; a stamp that comes late is moved up, so that nothing ends before it began and each
    streak has a moment of its own.
    """
    breached = breaches(value, rule.operator, rule.threshold)
    if breached is None:
        return state, None
    if not breached:
        return _inside(rule, state, value, at_ms)
    if is_quiet:
        return state, None
    breach_ms = state.breach_ms if state.streak else max(at_ms, state.breach_ms + 1)
    state = msgspec.structs.replace(state, streak=state.streak + 1, breach_ms=breach_ms)
    if state.started_ms or state.streak < rule.consecutive_triggers:
        return state, None
    state = msgspec.structs.replace(
        state,
        started_ms=max(at_ms, breach_ms),
        incident_id=str(incident_of(rule.public_id, breach_ms)),
        channel_id=rule.channel_id,
    )
    return state, _event(EventKind.BREACHED, rule, state, value, state.started_ms)


def at_rest(state: AlertState, version: int) -> AlertState:
    """The state from which a rule begins anew."""
    return msgspec.structs.replace(state, version=version, streak=0, started_ms=0)


def _inside(
    rule: Rule, state: AlertState, value: float | str, at_ms: int
) -> tuple[AlertState, MetricEvent | None]:
    event = None
    if state.started_ms:
        event = _event(EventKind.CLEARED, rule, state, value, max(at_ms, state.started_ms))
    return (at_rest(state, state.version) if state.streak else state), event


def _event(kind: EventKind, rule: Rule, state: AlertState, value: float | str, at_ms: int) -> MetricEvent:
    """For the channel that was told of the breach, also if the rule names another one by now."""
    told = AlertTold(
        name=rule.monitor_name,
        public_id=rule.public_id,
        metric_key=rule.metric_key,
        operator=rule.operator,
        threshold=rule.threshold,
        consecutive_triggers=rule.consecutive_triggers,
        value=value,
    )
    return MetricEvent(
        kind=kind,
        at_ms=at_ms,
        breach_ms=state.breach_ms,
        started_ms=state.started_ms,
        seen_ms=at_ms,
        monitor_id=rule.monitor_id,
        org_id=rule.org_id,
        interval_s=rule.interval_s,
        grace_s=rule.grace_s,
        public_id=rule.monitor_public_id,
        channel_id=state.channel_id,
        alert_id=rule.id,
        told=told,
    )
