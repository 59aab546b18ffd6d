"""How the texts of settings become values, or are refused with a sentence."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Secret(str):
    """A string that masks itself wherever it is shown."""

    def __repr__(self) -> str:
        return "Secret(***)" if self else "Secret('')"


def parse_text(text: str) -> str:
    return text.strip()


def parse_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return value

    return parse


def parse_host(text: str) -> str:
    if not text or any(c.isspace() for c in text):
        raise ValueError(f"{text!r} is not a host name or address")
    return text


_UNITS = {"": 1, "k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}


def parse_bytes(text: str) -> int:
    if not text:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return pages * size // 2
    match = re.fullmatch(r"(\d+)\s*([a-z]*)", text.strip().lower())
    if not match or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is not a size such as 512mb or 4gb")
    value = int(match[1]) * _UNITS[match[2]]
    if not 16 * 1024**2 <= value <= 2**50:
        raise ValueError("it has to be between 16mb and a petabyte")
    return value


def parse_redis_url(text: str) -> str:
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme == "redis+cluster":
        raise ValueError(
            "redis+cluster:// is not supported yet; give one server as redis://, rediss:// or unix://"
        )
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("give a URL that starts with redis://, rediss:// or unix://")
    if parts.scheme == "unix" and not parts.path:
        raise ValueError("a unix:// URL needs the path of the socket")
    if parts.scheme != "unix" and not parts.hostname:
        raise ValueError("the URL names no host")
    return text


def parse_base_url(text: str) -> str:
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not a URL such as https://overdue.example.org")
    return text.rstrip("/")


def parse_folder(text: str) -> Path:
    try:
        return Path(text or "./data").expanduser()
    except RuntimeError as error:
        raise ValueError(f"{text!r} names the home of somebody unknown") from error


def parse_switch(text: str) -> bool:
    if text.lower() not in {"on", "off"}:
        raise ValueError(f"{text!r} is neither on nor off")
    return text.lower() == "on"


def parse_networks(text: str) -> tuple[IPNetwork, ...]:
    networks: list[IPNetwork] = []
    for item in re.split(r"[\s,]+", text.strip()):
        if not item:
            continue
        try:
            networks.append(ipaddress.ip_network(item))
        except ValueError:
            raise ValueError(f"{item!r} is not a network such as 10.0.0.0/8") from None
    return tuple(networks)


def parse_admin_key(text: str) -> Secret:
    if text and (
        len(text) < 16 or len(text) > 200 or not text.isascii() or not text.isprintable() or " " in text
    ):
        raise ValueError("a key has 16 to 200 printable ASCII characters without spaces")
    return Secret(text)


def parse_node(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.]{0,62}", text):
        raise ValueError("a node name has 1 to 63 lower-case letters, digits and dots")
    return text
