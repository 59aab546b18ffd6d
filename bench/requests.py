"""The requests of a case as ready-made bytes, the same for both load generators; and how they travel to them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import msgspec

from bench.case import Case
from bench.load import USER_AGENT

BODIES = 10
METRICS = b'{"load":0.42,"queue":17}'


def requests_of(case: Case, host: str, keys: Sequence[str]) -> tuple[bytes, ...]:
    """A ping for each key, or batches that walk through the keys."""
    if case.pings:
        walk = cycle(keys)
        bodies = (batch_body(islice(walk, case.pings), case.written) for _ in range(BODIES))
        return tuple(_post(host, body, case.written) for body in bodies)
    close = "Connection: close\r\n" if case.closes else ""
    return tuple(
        f"GET /ping/{key} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n{close}\r\n".encode()
        for key in keys
    )


def batch_body(keys: Iterator[str], written: str, metrics: bool = False) -> bytes:
    """A beat for each key, with two metrics if wanted."""
    tail = b',"metrics":' + METRICS + b"}" if metrics else b"}"
    items = [b'{"key":' + msgspec.json.encode(key) + tail for key in keys]
    if written == "JSON array":
        return b"[" + b",".join(items) + b"]"
    body = b"\n".join(items) + b"\n"
    return gzip.compress(body) if written.endswith("gzip") else body


def _post(host: str, body: bytes, written: str) -> bytes:
    kind = "application/json" if written == "JSON array" else "application/x-ndjson"
    encoding = "Content-Encoding: gzip\r\n" if written.endswith("gzip") else ""
    head = (
        f"POST /ping HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n"
        f"Content-Type: {kind}\r\n{encoding}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def write_requests(path: Path, requests: Sequence[bytes]) -> None:
    """Each with its length before it, as `walk.lua` reads them."""
    path.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
