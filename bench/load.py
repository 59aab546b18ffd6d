"""The words of a load: what is driven at a server, and what came back.

Two generators speak them, wrk and our own client; whoever measures does not know which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

USER_AGENT = "curl/8"
TIMEOUT_S = 10


class BenchFailed(Exception):
    """The measurement cannot go on; the sentence says why."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """HTTP/1.1 requests, one after the other on `connections` at once for `seconds_s`, walking through `requests`.

    `closes`: each request ends its connection. `every_s`: a connection sends only so often, if it can.
    """

    port: int
    requests: tuple[bytes, ...]
    connections: int
    seconds_s: float
    closes: bool = False
    every_s: float = 0.0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a generator saw. `cut` is the most requests that it may have dropped unanswered at its end."""

    answered: int
    elapsed_s: float
    refused: int = 0
    errors: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cut: int = 0

    @property
    def per_second(self) -> float:
        return self.answered / self.elapsed_s if self.elapsed_s else 0.0


Drive = Callable[[Load], LoadResult]


def percentile(ordered: Sequence[int], share: float) -> int:
    """The value below which `share` of an ordered row lies (nearest rank); 0 for an empty one."""
    if not ordered:
        return 0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
