"""Which addresses a channel may reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses

from sweeper.channels.addresses import is_allowed

REFUSED_NETWORKS = (
    "127.0.0.0/8",
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
    "::/128",
    "::1/128",
    "::7f00:1/128",
    "::ffff:0:7f00:1/128",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "100::/64",
    "1000::/4",
    "4000::/3",
    "::ffff:10.0.0.0/104",
    "::ffff:169.254.0.0/112",
)

PUBLIC = (
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "168.63.129.15",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2003::1",
    "2a00:1450:4001::1",
    "::ffff:1.1.1.1",
)


@pytest.mark.parametrize("network", REFUSED_NETWORKS)
def test_the_first_and_the_last_address_of_a_network_that_is_not_public_are_refused(network: str) -> None:
    ends = ip_network(network)

    assert not is_allowed(ends[0], ())
    assert not is_allowed(ends[-1], ())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed_up_to_the_edge_of_what_is_not(address: str) -> None:
    assert is_allowed(ip_address(address), ())


@given(ip_addresses())
def test_whatever_python_knows_not_to_be_public_is_refused(address: IPv4Address | IPv6Address) -> None:
    inner = getattr(address, "ipv4_mapped", None) or address

    if not inner.is_global or inner.is_multicast or inner.is_reserved:
        assert not is_allowed(address, ())


@given(ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_one_it_maps(address: IPv4Address) -> None:
    mapped = ip_address(f"::ffff:{address}")

    assert is_allowed(mapped, ()) == is_allowed(address, ())


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1"])
def test_an_allowed_network_covers_its_addresses_and_their_mapped_forms(address: str) -> None:
    assert is_allowed(ip_address(address), (ip_network("127.0.0.0/8"),))


def test_a_network_allowed_in_its_mapped_form_covers_mapped_addresses() -> None:
    assert is_allowed(ip_address("::ffff:10.1.2.3"), (ip_network("::ffff:10.0.0.0/104"),))


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1"])
def test_an_allowed_network_covers_nothing_else(address: str) -> None:
    assert not is_allowed(ip_address(address), (ip_network("127.0.0.0/8"), ip_network("10.1.0.0/16")))
