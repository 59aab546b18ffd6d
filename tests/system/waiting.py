"""Waiting for what has to become true, with a bound, and never for a while that hopes to be long enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from store.clock import monotonic_ms, wall_ms

LOOK_EVERY_S = 0.02
Found = TypeVar("Found")


def until(look: Callable[[], Found], within_s: float, what: str) -> Found:
    """Look again and again until something true comes back; an AssertionError that names `what` if it does not."""
    ends_ms = monotonic_ms() + within_s * 1000
    while True:
        found = look()
        if found:
            return found
        assert monotonic_ms() < ends_ms, f"not within {within_s:g} s: {what} (last seen: {found!r})"
        time.sleep(LOOK_EVERY_S)


def at(moment_ms: float) -> None:
    """Return when the wall clock says so: for what a test does on a schedule."""
    time.sleep(max(0.0, moment_ms - wall_ms()) / 1000)
