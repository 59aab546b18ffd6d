"""Who sends: by what senders are told apart when they are limited, and how many unknown ping keys each has tried."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

MINUTE_MS = 60_000
MOST_UNKNOWN = 100
MOST_SENDERS = 10_000
_HOST_BITS = 64


def network_of(sender: str) -> str:
    """An IPv4 address itself; of an IPv6 address the network, as whoever has one has 2^64 of them."""
    try:
        address = ip_address(sender.partition("%")[0])
    except ValueError:
        return sender
    if not isinstance(address, IPv6Address):
        return sender
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS))


class Strangers:
    """Counts pings with unknown keys by sender, minute by minute. Senders beyond `most_senders` are not counted."""

    def __init__(self, most_unknown: int = MOST_UNKNOWN, most_senders: int = MOST_SENDERS) -> None:
        self._most_unknown = most_unknown
        self._most_senders = most_senders
        self._minute = 0
        self._counts: dict[str, int] = {}

    def note(self, sender: str, now_ms: int) -> int:
        """One more unknown key; 0, or the seconds until the next minute once there were too many in this one."""
        self._turn_to(now_ms // MINUTE_MS)
        who = network_of(sender)
        count = self._counts.get(who, 0)
        if count or len(self._counts) < self._most_senders:
            self._counts[who] = count + 1
        if count < self._most_unknown:
            return 0
        return ((self._minute + 1) * MINUTE_MS - now_ms + 999) // 1000

    def has_enough(self, sender: str, now_ms: int) -> bool:
        """Whether the next unknown key of this sender would be one too many."""
        self._turn_to(now_ms // MINUTE_MS)
        return bool(self._counts) and self._counts.get(network_of(sender), 0) >= self._most_unknown

    def _turn_to(self, minute: int) -> None:
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
