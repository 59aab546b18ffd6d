"""The words of a load: what is driven at a server, and what came back.

Two generators speak them, wrk and our own client; whoever measures does not know which one it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

USER_AGENT = "curl/8"
TIMEOUT_S = 10


class BenchFailed(Exception):
    """The measurement cannot go on; the sentence says why."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """GET requests over HTTP/1.1 keep-alive: `connections` at once for `seconds_s`, walking the `paths`."""

    port: int
    paths: tuple[str, ...]
    connections: int
    seconds_s: float

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a generator saw. `cut` is the most requests that it may have dropped unanswered at its end."""

    answered: int
    refused: int
    errors: int
    elapsed_s: float
    p50_ms: float
    p99_ms: float
    cut: int

    @property
    def per_second(self) -> float:
        return self.answered / self.elapsed_s if self.elapsed_s else 0.0


def percentile(ordered: Sequence[int], share: float) -> int:
    """The value below which `share` of an ordered row lies (nearest rank); 0 for an empty one."""
    if not ordered:
        return 0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
