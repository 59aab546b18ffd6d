"""The admin API in one list that can be read aloud."""

from __future__ import annotations

from starlette.routing import Route

from ingest.api import (
    api_keys,
    blind_times,
    channels,
    deliveries,
    heartbeats,
    history,
    lateness,
    metric_alerts,
    metrics,
    monitors,
    organisation,
    preview,
    prometheus,
    uptime,
)
from ingest.api.endpoint import route

API_ROUTES: list[Route] = [
    # First spelling.
    route("/api/v1/heartbeats", GET=heartbeats.listing, POST=heartbeats.create),
    route("/api/v1/heartbeats/{id}", GET=heartbeats.show, PATCH=heartbeats.change, DELETE=heartbeats.delete),
    # Second spelling.
    route("/api/monitors", GET=monitors.listing, POST=monitors.create),
    route("/api/monitors/{id}", GET=monitors.show, PATCH=monitors.change, DELETE=monitors.delete),
    route("/api/monitors/{id}/pause", POST=monitors.pause),
    route("/api/monitors/{id}/resume", POST=monitors.resume),
    # What happened, and who is told.
    route("/api/monitors/{id}/pings", GET=history.pings),
    route("/api/monitors/{id}/pings/{pingId}/body", GET=history.body),
    route("/api/monitors/{id}/incidents", GET=history.incidents),
    route("/api/incidents", GET=history.incidents_of_all),
    route("/api/blind-times", GET=blind_times.listing),
    route("/api/monitors/{id}/uptime", GET=uptime.show),
    route("/api/monitors/{id}/lateness", GET=lateness.show),
    route("/api/prometheus", GET=prometheus.show),
    # Metrics, and rules on them.
    route("/api/monitors/{id}/metrics", GET=metrics.listing),
    route("/api/monitors/{id}/metrics/{key:text}", GET=metrics.show),
    route("/api/monitors/{id}/metric-alerts", GET=metric_alerts.listing, POST=metric_alerts.create),
    route(
        "/api/monitors/{id}/metric-alerts/{alertId}",
        GET=metric_alerts.show,
        PATCH=metric_alerts.change,
        DELETE=metric_alerts.delete,
    ),
    route("/api/channels", GET=channels.listing, POST=channels.create),
    route("/api/channels/{id}", GET=channels.show, PATCH=channels.change, DELETE=channels.delete),
    route("/api/channels/{id}/enable", POST=channels.enable),
    route("/api/channels/{id}/rotate-secret", POST=channels.rotate_secret),
    route("/api/channels/{id}/test", POST=channels.test),
    route("/api/monitors/{id}/channels", GET=channels.of_monitor),
    route("/api/monitors/{id}/preview", GET=preview.show),
    # What they were told.
    route("/api/deliveries", GET=deliveries.listing),
    route("/api/deliveries/{id}", GET=deliveries.show),
    route("/api/deliveries/{id}/retry", POST=deliveries.retry),
    # Whose it is, and who may call.
    route("/api/organisation", GET=organisation.show),
    route("/api/keys", GET=api_keys.listing, POST=api_keys.create),
    route("/api/keys/{id}", DELETE=api_keys.revoke),
]
