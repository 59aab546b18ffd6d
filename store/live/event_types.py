"""What events and incidents are called outside: in messages, in the history, in metrics, in the log of deliveries."""

from __future__ import annotations

from store.live.event_kind import Cause, EventKind

TYPES = {
    EventKind.DOWN: "monitor.down",
    EventKind.UP: "monitor.up",
    EventKind.BREACHED: "metric.breached",
    EventKind.CLEARED: "metric.cleared",
    EventKind.TRIAL: "channel.test",
    EventKind.FAILING: "channel.failing",
    EventKind.DOWNS: "monitors.down",
    EventKind.UPS: "monitors.up",
    EventKind.UNHEARD: "fleet.unheard",
    EventKind.REMINDER: "monitor.reminder",
}

# The kinds of incidents of monitors, by what is wrong; those of metrics are called `metric`.
INCIDENT_KINDS = {Cause.MISSED: "silence", Cause.FAILED: "fail", Cause.OVERRUN: "overrun"}
CAUSES = {kind: cause for cause, kind in INCIDENT_KINDS.items()}
