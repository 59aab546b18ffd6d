"""What the kinds of events are called outside: in messages, in metrics and in the log of deliveries."""

from __future__ import annotations

from store.live.event_kind import EventKind

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
