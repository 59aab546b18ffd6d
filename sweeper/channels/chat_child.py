"""The child of the chat channel: has Apprise loaded, and sends each message from a process that is its copy (a fork).

`chat_process.py` starts it. `Orders`, then any number of `Errand`s on standard input; `Done`s on standard output. So no
message knows of another one, each ends in time whatever a service does, and none waits for Apprise to be loaded. Every
connection of Python code passes `socket.connect`, where the address is a number already: what is judged is what is
connected to.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from io import FileIO
from ipaddress import ip_address, ip_network
from typing import Any

import apprise
import msgspec

from store.settings import IPNetwork
from sweeper.channels.addresses import is_allowed
from sweeper.channels.chat_errand import READY, Done, Errand, Orders, line_of

REFUSED = "the address is private or reserved, and OVERDUE_PRIVATE_TARGETS does not allow it"
UNREADABLE = "Apprise cannot read the address of this channel"
LATE = "the service did not answer in time"
BROKEN = "the message could not be handed over"
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_STANDARD_OUTPUT = 1


class Gate:
    """Stands before `connect`; remembers whether it had to refuse."""

    def __init__(self, private_targets: tuple[IPNetwork, ...]) -> None:
        self.has_refused = False
        self._private_targets = private_targets

    def close(self) -> None:
        """From now on every connection of this process and its copies passes here."""
        for name in ("connect", "connect_ex", "sendto"):
            setattr(socket.socket, name, self._guarded(getattr(socket.socket, name)))

    def _guarded(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(one: socket.socket, *arguments: Any) -> Any:
            *before, address = arguments
            return real(one, *before, self._judged(one.family, address))

        return guarded

    def _judged(self, family: int, address: Any) -> Any:
        """The address to connect to; a name becomes the number that was judged, so that nobody looks it up again."""
        if family in _INTERNET:
            number = socket.getaddrinfo(address[0], None, family, proto=socket.IPPROTO_TCP)[0][4][0]
            if is_allowed(ip_address(str(number).partition("%")[0]), self._private_targets):
                return (number, *address[1:])
        self.has_refused = True
        raise PermissionError("not allowed")


class Copies:
    """The copies under way, by process id."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._numbers: dict[int, int] = {}

    def send_out(self, errand: Errand) -> None:
        """Let a copy carry an errand. The signal of its end waits until it is known whose end that is."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
        copy = os.fork()
        if copy == 0:
            self._carry(errand)
        self._numbers[copy] = errand.number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))

    def reap(self, *_: object) -> None:
        """Say of every copy that has ended that nothing more comes of it; what it has said itself came before."""
        while self._numbers:
            copy, status = os.waitpid(-1, os.WNOHANG)
            if copy == 0:
                return
            is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            _say(Done(self._numbers.pop(copy), False, LATE if is_late else BROKEN))

    def _carry(self, errand: Errand) -> None:
        """What the copy does; never returns. The alarm has no handler, so that the system ends it, whatever it does."""
        try:
            signal.setitimer(signal.ITIMER_REAL, errand.within_s)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
            _say(_send(errand, self._gate))
        finally:
            os._exit(0)


def main() -> int:
    # Without a buffer: what is read ahead would be in the memory of copies whom it does not concern.
    lines = FileIO(sys.stdin.fileno(), closefd=False)
    orders = msgspec.json.decode(lines.readline(), type=Orders)
    gate = Gate(tuple(ip_network(text) for text in orders.private_targets))
    # Whatever it reads first makes Apprise load all of its services, once for all copies.
    apprise.Apprise.instantiate("ntfy://localhost/x", suppress_exceptions=True)
    gc.freeze()
    gate.close()
    copies = Copies(gate)
    signal.signal(signal.SIGCHLD, copies.reap)
    _say(Done(READY, True, ""))
    while line := lines.readline():
        copies.send_out(msgspec.json.decode(line, type=Errand))
    return 0


def _send(errand: Errand, gate: Gate) -> Done:
    service = apprise.Apprise.instantiate(errand.url, suppress_exceptions=True)
    if service is None:
        return Done(errand.number, False, UNREADABLE, is_final=True)
    if service.notify(title=errand.title, body=errand.body, notify_type=errand.kind):
        return Done(errand.number, True, "the service took it")
    return Done(errand.number, False, REFUSED if gate.has_refused else "the service did not take it")


def _say(done: Done) -> None:
    """In one piece: lines of copies that speak at the same time do not mix, as they are shorter than what a pipe takes
    at once."""
    os.write(_STANDARD_OUTPUT, line_of(done))
