"""What the express lane needs to know of a block of header lines, or that the request is not for the lane. Pure.

The lane takes a strict subset of HTTP/1.1: each line well-formed to the letter, no line that changes how the request
or the connection is to be read. Whatever else there is goes to the full parser, byte for byte.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

MOST_BLOCK_BYTES = 8 * 1024
BLOCKS_REMEMBERED = 1024
_LINES = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*)|)\r\n"
)

# Lines that change how the request or its body is to be read.
_NOT_FOR_THE_LANE = frozenset(
    {
        b"transfer-encoding",
        b"expect",
        b"upgrade",
        b"te",
        b"trailer",
        b"http2-settings",
        b"content-encoding",
        b"proxy-connection",
    }
)
_ONCE = frozenset({b"host", b"content-length", b"content-type", b"user-agent", b"connection"})
_FORWARDED = b"x-forwarded-for"


class Facts(msgspec.Struct, frozen=True):
    """A block that the lane takes. `forwarded` is X-Forwarded-For, its lines joined; None: there was none."""

    host: bytes
    content_type: bytes
    user_agent: bytes
    content_length: int
    forwarded: bytes | None
    closing: bool


@lru_cache(BLOCKS_REMEMBERED)
def read_facts(block: bytes) -> Facts | None:
    """The facts of a block of header lines with its closing empty line; None: not for the lane."""
    if len(block) > MOST_BLOCK_BYTES:
        return None
    found: dict[bytes, bytes] = {}
    at, end = 0, len(block) - 2
    while at < end:
        line = _LINES.match(block, at)
        if line is None:
            return None
        name, value = line[1].lower(), line[2].rstrip(b" \t")
        if name in _NOT_FOR_THE_LANE or (name in _ONCE and name in found):
            return None
        if name == _FORWARDED and name in found:
            value = found[name] + b", " + value
        found[name] = value
        at = line.end()
    return _facts(found) if at == end else None


def _facts(found: dict[bytes, bytes]) -> Facts | None:
    connection = found.get(b"connection", b"keep-alive").lower()
    length = found.get(b"content-length", b"0")
    if b"host" not in found or connection not in {b"keep-alive", b"close"}:
        return None
    if not length.isdigit() or len(length) > 9:
        return None
    return Facts(
        host=found[b"host"],
        content_type=found.get(b"content-type", b""),
        user_agent=found.get(b"user-agent", b""),
        content_length=int(length),
        forwarded=found.get(_FORWARDED),
        closing=connection == b"close",
    )
