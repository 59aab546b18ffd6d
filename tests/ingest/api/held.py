"""A Redis that waits at two places, so that a test can have several calls under way at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from store.projection import Projection


class HeldLive:
    """The real one, with a step before a change is carried to Redis, or before it is made."""

    def __init__(
        self,
        live: Any,
        project: Callable[[], Awaitable[object]] | None = None,
        ready: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._live = live
        self._before_project = project
        self._before_ready = ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._live, name)

    async def project(self, projection: Projection) -> None:
        if self._before_project is not None:
            await self._before_project()
        await self._live.project(projection)

    async def ready(self) -> None:
        if self._before_ready is not None:
            await self._before_ready()
        await self._live.ready()
