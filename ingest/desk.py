"""What all connections share: the intake, the proxies that are believed, replies as ready bytes, and a watch."""

from __future__ import annotations

import asyncio

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from ingest.doors.reply import Reply
from ingest.intake import Intake


class Desk:
    """One per process. `second` is the time as far as connections need it.

    Args:
        trusted: the proxies whose X-Forwarded-For is believed, as uvicorn's `forwarded_allow_ips` has them.
    """

    def __init__(self, intake: Intake, server_state: ServerState, trusted: str) -> None:
        self.intake = intake
        self.find = intake.find
        self.second = 0
        self._state = server_state
        self._proxies = ProxyHeadersMiddleware(_no_app, trusted).trusted_hosts
        self._headers = server_state.default_headers
        self._ready: dict[tuple[int, bool, bool], bytes] = {}

    def bytes_of(self, reply: Reply, head_only: bool = False, closing: bool = False) -> bytes:
        """The whole response: for a HEAD request without its body, and with a line that says that the connection is
        closed behind it. What never changes is made once a second."""
        if not reply.lasting:
            return self._render(reply, head_only, closing)
        if self._state.default_headers is not self._headers:
            self._headers = self._state.default_headers
            self._ready.clear()
        name = (id(reply), head_only, closing)
        found = self._ready.get(name)
        if found is None:
            found = self._ready[name] = self._render(reply, head_only, closing)
        return found

    def sender_of(self, client: tuple[str, int] | None, forwarded: bytes | None) -> tuple[str, int]:
        """Address and port of whoever sent a request: the client, or whom a believed proxy forwards."""
        if client is not None and forwarded is not None and client[0] in self._proxies:
            host, port = self._proxies.get_trusted_client_address(forwarded.decode("latin-1"))
            if host:
                return host, port
        return client or ("", 0)

    async def watch(self) -> None:
        """Count seconds and let every connection look at the watch, until cancelled."""
        while True:
            await asyncio.sleep(1)
            self.second += 1
            for connection in list(self._state.connections):
                connection.look_at_watch(self.second)  # type: ignore[union-attr]

    def _render(self, reply: Reply, head_only: bool, closing: bool) -> bytes:
        lines = [STATUS_LINE[reply.status]]
        for name, value in (*self._state.default_headers, *reply.start["headers"]):
            lines += (name, b": ", value, b"\r\n")
        if closing:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        if not head_only:
            lines.append(reply.content)
        return b"".join(lines)


async def _no_app(*_: object) -> None:
    """The middleware wants an app; only its list of proxies is used."""
