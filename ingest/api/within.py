"""The admin API without HTTP: the handlers of its own routes, over a book of the caller's. For configuration as a file.

What they would tell Redis is kept in order; whoever commits the transaction carries it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from ingest.api.call import Call
from ingest.api.chat_reader import NobodyAsked
from ingest.api.endpoint import Endpoint
from ingest.api.routes import API_ROUTES
from store.book.database import ConfigBook
from store.book.keys import WRITE, KeyHolder
from store.errors import Unavailable
from store.live.channel_event import TrialEvent
from store.monitor import MonitorState
from store.plans import Plan
from store.projection import Projection
from store.settings import Settings


class Within:
    """Calls of one organisation's routes, all at the same moment."""

    def __init__(self, book: ConfigBook, org_id: int, plan: Plan, settings: Settings, now_ms: int) -> None:
        self.book = book
        self.org_id = org_id
        self.now_ms = now_ms
        self.told: list[Projection] = []
        self._settings = settings
        self._caller = _holder(org_id, plan)
        self._endpoints = {
            route.path: route.endpoint for route in API_ROUTES if isinstance(route.endpoint, Endpoint)
        }

    async def ask(self, method: str, path: str, body: Any = None, **ids: str) -> Any:
        """What a route answers; `path` is as in the list of routes, `ids` are the parameters in it.

        Raises:
            OverdueError: whatever the route refuses.
        """
        handler = self._endpoints[path].handlers[method]
        response = await handler(self.call(method, path, msgspec.json.encode(body), **ids))
        return msgspec.json.decode(response.body) if response.body else None

    def call(self, method: str = "GET", path: str = "", content: bytes = b"", **ids: str) -> Call:
        """A call as the routes know it."""
        live = _Collecting(self.told, self.now_ms)
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "path_params": ids,
            "query_string": b"",
            "headers": [],
            # The tags of replies are not shown to anybody.
            "state": {
                "settings": self._settings,
                "book": self.book,
                "live": live,
                "session_secret": b"",
                "chat_reader": NobodyAsked(),
            },
        }
        return Call(
            request=Request(scope),
            caller=self._caller,
            book=self.book,
            live=live,
            settings=self._settings,
            now_ms=self.now_ms,
            content=content,
        )


class _Collecting:
    """In the place of Redis: takes down what it would be told, and knows nothing."""

    def __init__(self, told: list[Projection], now_ms: int) -> None:
        self._told = told
        self._now_ms = now_ms

    async def ready(self) -> None:
        return None

    async def project(self, projection: Projection) -> None:
        self._told.append(projection)

    async def states(self, monitor_ids: Sequence[int]) -> tuple[int, list[MonitorState | None]]:
        return self._now_ms, [None] * len(monitor_ids)

    async def packed_states(self, monitor_ids: Sequence[int]) -> tuple[int, list[bytes]]:
        return self._now_ms, [b""] * len(monitor_ids)

    async def count_use(self, who: str, most_a_minute: int) -> int:
        return 0

    async def pings_this_minute(self, org_id: int) -> int:
        return 0

    async def retry_letter(self, shard: int, delivery_id: str) -> int:
        raise Unavailable("Deliveries are in Redis.")

    async def try_channel(self, event: TrialEvent) -> bool:
        raise Unavailable("Deliveries are in Redis.")


def _holder(org_id: int, plan: Plan) -> KeyHolder:
    """Who may do all in this organisation."""
    return KeyHolder(
        id=0,
        org_id=org_id,
        prefix="",
        name="",
        scope=WRITE,
        is_admin=False,
        created_ms=0,
        last_used_ms=None,
        revoked_ms=None,
        plan=plan,
    )
