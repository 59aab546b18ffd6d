"""The ingest service: one list of routes, and an outermost layer that lets pings past the router."""

from __future__ import annotations

from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ingest.api.chat_reader import ChatReader
from ingest.api.problems import problem
from ingest.api.routes import API_ROUTES
from ingest.batch_endpoint import BatchEndpoint
from ingest.doors import DOORS
from ingest.doors.batch import PATH
from ingest.endpoint import DoorEndpoint
from ingest.intake import Intake
from ingest.openapi.endpoint import Published
from ingest.pages.api_docs import DocsPage
from ingest.pages.endpoint import refusal
from ingest.pages.fleets import Fleets
from ingest.pages.routes import PAGE_ROUTES
from ingest.watch import livez, metrics, readyz
from store.book.database import ConfigBook
from store.live.live import Live
from store.settings import Settings


class State(TypedDict):
    """What every request may reach as `request.state`; `slots` are those of all processes that share the port."""

    settings: Settings
    book: ConfigBook
    live: Live
    intake: Intake
    session_secret: bytes
    fleets: Fleets
    chat_reader: ChatReader
    slots: tuple[str, ...]


def routes(doors: list[DoorEndpoint], batch: BatchEndpoint, base_url: str = "") -> list[Route]:
    """Everything that this service answers, in one list."""
    published = Published(answers(doors, batch), base_url)
    return [*published.routes, DocsPage(published).route, *PAGE_ROUTES]


def answers(doors: list[DoorEndpoint], batch: BatchEndpoint) -> list[Route]:
    """What programs call; the published document is made of it."""
    return [
        # Pings: many at once, or one at a door, with a signal or without.
        Route(PATH, batch, name=PATH, methods=["POST"]),
        *(Route(path, door, name=path) for door in doors for path in door.paths),
        # The admin API.
        *API_ROUTES,
        # For those who watch.
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def build_app(settings: Settings, state: State) -> ASGIApp:
    """The ASGI application over what is open already."""
    doors = [DoorEndpoint(door, number, state["intake"]) for number, door in enumerate(DOORS)]
    batch = BatchEndpoint(state["intake"], len(doors))
    starlette = Starlette(
        routes=routes(doors, batch, settings.base_url),
        exception_handlers={404: _not_found, 405: _wrong_method, Exception: _broken},
    )
    starlette.router.redirect_slashes = False
    trusted = settings.forwarded_allow_ips
    for door in doors:
        door.behind_proxy = ProxyHeadersMiddleware(door, trusted)  # type: ignore[assignment, arg-type]
    return Front(doors, ProxyHeadersMiddleware(starlette, trusted), state)  # type: ignore[arg-type]


class Front:
    """Sends a ping straight to its door, and everything else through the router."""

    def __init__(self, doors: list[DoorEndpoint], rest: ASGIApp, state: State) -> None:
        self._doors = [(door.prefix, door) for door in doors]
        self._rest = rest
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            for prefix, door in self._doors:
                if path.startswith(prefix):
                    await door(scope, receive, send)
                    return
            scope["state"] = dict(self._state)
        await self._rest(scope, receive, send)


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


async def _not_found(request: Request, error: Exception) -> Response:
    """People with a browser get a page, everybody else JSON."""
    if _is_browser(request):
        return refusal(request, 404, "There is nothing at this address.")
    return problem(404, "There is nothing at this path.")


async def _wrong_method(request: Request, error: Exception) -> Response:
    headers = getattr(error, "headers", None)
    if _is_browser(request):
        response = refusal(request, 405, "This address cannot be opened this way.")
        response.headers.update(headers or {})
        return response
    return problem(405, "This path does not answer this method.", headers=headers)


async def _broken(request: Request, error: Exception) -> Response:
    return problem(500, "Something went wrong on our side; it is in the log.")
