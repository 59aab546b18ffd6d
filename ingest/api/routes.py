"""The admin API in one list that can be read aloud."""

from __future__ import annotations

from starlette.routing import Route

from ingest.api import channels, heartbeats, history, monitors
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
    route("/api/monitors/{id}/incidents", GET=history.incidents),
    route("/api/channels", GET=channels.listing, POST=channels.create),
    route("/api/channels/{id}", DELETE=channels.delete),
]
