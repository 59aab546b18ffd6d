"""What the express lane needs to know of a block of header lines, or that the request is not for the lane. Pure.

The lane takes a strict subset of HTTP/1.1: each line well-formed to the letter, no line that changes how the request
or the connection is to be read. Whatever else there is goes to the full parser, byte for byte.
"""

from __future__ import annotations

import re

import msgspec

MOST_BLOCK_BYTES = 8 * 1024
_LINES = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*)|)\r\n"
)

# Lines that change the framing, the connection, or who the sender is.
_NOT_FOR_THE_LANE = frozenset(
    {
        b"transfer-encoding",
        b"expect",
        b"upgrade",
        b"te",
        b"trailer",
        b"http2-settings",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"content-encoding",
    }
)
_ONCE = frozenset({b"host", b"content-length", b"content-type", b"user-agent", b"connection"})


class Facts(msgspec.Struct, frozen=True):
    """A block that the lane takes."""

    host: bytes
    content_type: bytes
    user_agent: bytes
    content_length: int


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
        name = line[1].lower()
        if name in _NOT_FOR_THE_LANE or (name in _ONCE and name in found):
            return None
        found[name] = line[2].rstrip(b" \t")
        at = line.end()
    if at != end or b"host" not in found or found.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    length = found.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > 9:
        return None
    return Facts(found[b"host"], found.get(b"content-type", b""), found.get(b"user-agent", b""), int(length))
