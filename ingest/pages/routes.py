"""The dashboard in one list that can be read aloud."""

from __future__ import annotations

from starlette.routing import Route

from ingest.api import history
from ingest.pages import (
    api_keys,
    bulk,
    channels,
    deliveries,
    fleet,
    incidents,
    monitor,
    monitor_alerts,
    monitor_edit,
    monitor_history,
    new_monitor,
    plan,
    sign_in,
    told,
)
from ingest.pages.endpoint import data, open_page, page
from ingest.pages.static_files import PATH, serve_file

PAGE_ROUTES: list[Route] = [
    # The way in and out.
    open_page("/sign-in", show=sign_in.show, take=sign_in.take),
    open_page("/sign-out", take=sign_in.leave),
    # The fleet.
    page("/", fleet.show),
    data("/data/fleet", fleet.show_now),
    page("/monitors/new", new_monitor.show, new_monitor.take),
    page("/monitors/bulk", take=bulk.take),
    page("/incidents", incidents.show),
    # What was told to whom.
    page("/deliveries", deliveries.show),
    page("/deliveries/{id}", deliveries.show_one),
    page("/deliveries/{id}/retry", take=deliveries.retry),
    # Who is told, who may call, what may be used.
    page("/channels", channels.show, channels.create),
    page("/channels/{id}", channels.show_one, channels.change),
    page("/channels/{id}/test", take=channels.test),
    page("/channels/{id}/rotate", channels.confirm_rotation, channels.rotate),
    page("/channels/{id}/delete", channels.confirm, channels.delete),
    page("/channels/{id}/enable", take=channels.enable),
    page("/keys", api_keys.show, api_keys.create),
    page("/keys/{id}/revoke", api_keys.confirm, api_keys.revoke),
    page("/plan", plan.show),
    # A monitor.
    page("/monitors/{id}", monitor.show),
    page("/monitors/{id}/edit", monitor_edit.show_edit, monitor_edit.edit),
    page("/monitors/{id}/pause", take=monitor_edit.pause),
    page("/monitors/{id}/resume", take=monitor_edit.resume),
    page("/monitors/{id}/delete", monitor_edit.show_delete, monitor_edit.delete),
    page("/monitors/{id}/alerts", take=monitor_alerts.make),
    page("/monitors/{id}/alerts/{alertId}/delete", take=monitor_alerts.remove),
    page("/monitors/{id}/pings", monitor_history.pings),
    page("/monitors/{id}/incidents", monitor_history.incidents),
    page("/monitors/{id}/told", told.show),
    data("/monitors/{id}/pings/{pingId}/body", history.body),
    data("/monitors/{id}/data/live", monitor.live),
    data("/monitors/{id}/data/points", monitor.points),
    data("/monitors/{id}/data/lateness", monitor.late_points),
    data("/monitors/{id}/data/incidents", monitor.shaded),
    # What browsers keep.
    Route(PATH, serve_file, name=PATH, methods=["GET"]),
]
