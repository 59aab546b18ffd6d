"""The dashboard in one list that can be read aloud."""

from __future__ import annotations

from starlette.routing import Route

from ingest.pages import api_keys, channels, deliveries, fleet, incidents, plan, sign_in
from ingest.pages.endpoint import open_page, page
from ingest.pages.static_files import PATH, serve_file

PAGE_ROUTES: list[Route] = [
    # The way in and out.
    open_page("/sign-in", show=sign_in.show, take=sign_in.take),
    open_page("/sign-out", take=sign_in.leave),
    # The fleet.
    page("/", fleet.show),
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
    # What browsers keep.
    Route(PATH, serve_file, name=PATH, methods=["GET"]),
]
