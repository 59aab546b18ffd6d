"""Takes the clients that another process on the same port leaves waiting, because it is gone, stuck or overloaded.

Several ingest processes have a listening socket each on one port, and the kernel deals new connections out between
them. That is even, but blind: it also deals to a socket whose process is not there. So every process has the sockets
of all and looks at its neighbours' ten times a second: what waits at two looks in a row, it takes.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Sequence

MOST_AT_ONCE = 64


class Neighbours:
    """The listening sockets of the others. `create_protocol` makes what serves a connection."""

    def __init__(
        self, sockets: Sequence[socket.socket], create_protocol: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._by_fd = {listener.fileno(): listener for listener in sockets}
        self._create_protocol = create_protocol
        self._waiting: set[int] = set()
        self._opening: set[asyncio.Task[object]] = set()
        self._poll = select.poll()
        for fd, listener in self._by_fd.items():
            listener.setblocking(False)
            self._poll.register(fd, select.POLLIN)

    def look(self) -> None:
        """One look; to be called ten times a second."""
        now_waiting = {fd for fd, _ in self._poll.poll(0)}
        for fd in now_waiting & self._waiting:
            self._help(self._by_fd[fd])
        self._waiting = now_waiting

    def _help(self, listener: socket.socket) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                connection, _ = listener.accept()
            except OSError:  # nobody waits any more, or this one has left, or we have no descriptor for it
                return
            opening = asyncio.get_running_loop().create_task(self._open(connection))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._create_protocol, connection)
        except OSError:
            connection.close()
