"""The child of `chat.py`: sends one message with Apprise, and connects nowhere that a channel may not go.

`python -m sweeper.channels.chat_child`, an `Errand` on standard input, a `Done` on standard output. Every connection of
Python code passes `socket.connect`, where the address is a number already: what is judged is what is connected to.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import apprise
import msgspec

from store.settings import IPNetwork
from sweeper.channels.addresses import is_allowed
from sweeper.channels.chat import Done, Errand

REFUSED = "the address is private or reserved, and OVERDUE_PRIVATE_TARGETS does not allow it"
_INTERNET = (socket.AF_INET, socket.AF_INET6)


class Gate:
    """Stands before `connect`; remembers whether it had to refuse."""

    def __init__(self, private_targets: tuple[IPNetwork, ...]) -> None:
        self.has_refused = False
        self._private_targets = private_targets

    def close(self) -> None:
        """From now on every connection of this process passes here."""
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


def main() -> int:
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    gate = Gate(tuple(ip_network(text) for text in errand.private_targets))
    gate.close()
    sys.stdout.buffer.write(msgspec.json.encode(_send(errand, gate)))
    return 0


def _send(errand: Errand, gate: Gate) -> Done:
    service = apprise.Apprise.instantiate(errand.url, suppress_exceptions=True)
    if service is None:
        return Done(False, "Apprise cannot read the address of this channel")
    is_delivered = bool(service.notify(title=errand.title, body=errand.body, notify_type=errand.kind))
    if is_delivered:
        return Done(True, "the service took it")
    return Done(False, REFUSED if gate.has_refused else "the service did not take it")


if __name__ == "__main__":
    sys.exit(main())
