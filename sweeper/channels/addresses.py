"""Which IP addresses a channel may reach: public ones, and what the operator allows by name. Pure.

The table is spelled out instead of asking `ipaddress.is_global`, whose answer changes with the Python
version, calls some multicast global, and knows nothing of what a tunnel or translator address carries inside.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from store.settings import IPNetwork

IPAddress = IPv4Address | IPv6Address

_REFUSED_V4 = (
    "0.0.0.0/8",  # this host on this network
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",  # loopback
    "168.63.129.16/32",  # Azure's platform services: a public number that only ever means the host
    "169.254.0.0/16",  # link-local, and the metadata services of most clouds
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
)

# Public IPv6 has been given out from 2000::/3 alone. The three widest rows refuse everything else; the rows
# inside them are there to be read.
_REFUSED_V6 = (
    "::/3",  # everything below 2000::
    "::/128",  # unspecified
    "::1/128",  # loopback
    "::/96",  # IPv4-compatible
    "::ffff:0:0:0/96",  # IPv4-translated
    "64:ff9b::/96",  # NAT64: any IPv4 address, private ones included
    "64:ff9b:1::/48",  # NAT64, local use
    "100::/64",  # discard
    "2001::/23",  # protocol assignments, benchmarks, ORCHID
    "2001::/32",  # Teredo: carries an IPv4 address
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: carries an IPv4 address
    "3fff::/20",  # documentation
    "4000::/2",  # not given out
    "8000::/1",  # everything above
    "fc00::/7",  # unique local
    "fe80::/10",  # link-local
    "fec0::/10",  # site-local
    "ff00::/8",  # multicast
)

REFUSED: tuple[IPNetwork, ...] = tuple(ip_network(text) for text in _REFUSED_V4 + _REFUSED_V6)


def is_allowed(address: IPAddress, private_targets: tuple[IPNetwork, ...]) -> bool:
    """Whether a channel may connect here. An IPv4-mapped address is judged as the IPv4 address it is."""
    inner = _unmapped(address)
    if any(form in network for form in (address, inner) for network in private_targets):
        return True
    return not any(inner in network for network in REFUSED)


def _unmapped(address: IPAddress) -> IPAddress:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
