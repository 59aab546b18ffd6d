"""The listening sockets: bound once by `serve` and handed down, so that a restart of ingest refuses nobody."""

from __future__ import annotations

import errno
import logging
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from store.clock import monotonic_ms
from store.errors import SettingError

BACKLOG = 2048
IN_USE_BOUND_MS = 5_000
LOOK_EVERY_S = 0.1

Bound = TypeVar("Bound")
_log = logging.getLogger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen. A port in use is tried again for a while: a predecessor may still be closing it.

    Raises:
        SettingError: the address or the port cannot be used.
    """
    family, address = _resolve(host, port)
    return _patiently(host, port, lambda: _bind(family, address))


def _patiently(host: str, port: int, bind: Callable[[], Bound]) -> Bound:
    began_ms, told = monotonic_ms(), False
    while True:
        try:
            return bind()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or monotonic_ms() - began_ms > IN_USE_BOUND_MS:
                raise _refusal(error, host, port) from error
        if not told:
            _log.info("port %d is still in use; trying again", port)
            told = True
        time.sleep(LOOK_EVERY_S)


def listen_together(host: str, port: int, workers: int) -> tuple[socket.socket, ...]:
    """A listening socket for each of several processes on one port, between which the kernel deals out connections.

    Where it does not do that (Linux does), all get the same socket.

    Raises:
        SettingError: the address or the port cannot be used.
    """
    if workers == 1 or sys.platform != "linux":
        return (listen(host, port),) * workers
    family, address = _resolve(host, port)
    return _patiently(host, port, lambda: _bind_together(family, address, workers))


def reachable_host(host: str) -> str:
    """The host under which this machine reaches what listens on `host`, as a URL spells it."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{here}]" if ":" in here else here


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise SettingError("OVERDUE_HOST", f"{host!r} is not a host name or address that is known") from error
    family, _, _, _, address = found[0]
    return family, address


def _bind(
    family: socket.AddressFamily, address: Any, *, shared: bool = False, backlog: int = BACKLOG
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        if backlog:
            listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _bind_together(family: socket.AddressFamily, address: Any, workers: int) -> tuple[socket.socket, ...]:
    """Sockets that share a port do not ask whether it is free: so one that does not share asks first."""
    _bind(family, address, backlog=0).close()
    bound: list[socket.socket] = []
    try:
        for _ in range(workers):
            bound.append(_bind(family, address, shared=True))
    except BaseException:
        for listener in bound:
            listener.close()
        raise
    return tuple(bound)


def _refusal(error: OSError, host: str, port: int) -> SettingError:
    if error.errno == errno.EADDRINUSE:
        return SettingError("OVERDUE_PORT", f"port {port} is in use by another program; choose another port")
    if error.errno == errno.EACCES:
        return SettingError("OVERDUE_PORT", f"this user may not listen on port {port}; choose one above 1023")
    if error.errno == errno.EADDRNOTAVAIL:
        return SettingError("OVERDUE_HOST", f"{host} is not an address of this machine")
    return SettingError("OVERDUE_HOST", f"{host} port {port} cannot be listened on: {error.strerror}")
