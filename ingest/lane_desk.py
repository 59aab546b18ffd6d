"""What all connections of the lane share: the intake, replies as ready bytes, and a watch that counts seconds."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from ingest.doors.reply import Reply
from ingest.intake import Intake


class Desk:
    """One per process. `second` is the time as far as the lane needs it."""

    def __init__(self, intake: Intake, server_state: ServerState) -> None:
        self.intake = intake
        self.second = 0
        self._state = server_state
        self._headers = server_state.default_headers
        self._ready: dict[tuple[int, bool], bytes] = {}

    def bytes_of(self, reply: Reply, head_only: bool) -> bytes:
        """The whole response; for a HEAD request without its body. What never changes is made once a second."""
        if not reply.lasting:
            return self._render(reply, head_only)
        if self._state.default_headers is not self._headers:
            self._headers = self._state.default_headers
            self._ready.clear()
        name = (id(reply), head_only)
        found = self._ready.get(name)
        if found is None:
            found = self._ready[name] = self._render(reply, head_only)
        return found

    async def watch(self) -> None:
        """Count seconds and let every connection look at the watch, until cancelled."""
        while True:
            await asyncio.sleep(1)
            self.second += 1
            for connection in list(self._state.connections):
                connection.look_at_watch(self.second)  # type: ignore[union-attr]

    def _render(self, reply: Reply, head_only: bool) -> bytes:
        lines = [STATUS_LINE[reply.status]]
        for name, value in (*self._state.default_headers, *reply.start["headers"]):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n")
        if not head_only:
            lines.append(reply.content)
        return b"".join(lines)
