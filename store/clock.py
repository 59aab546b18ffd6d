"""The two clocks of this machine, in milliseconds. Nothing else in the project asks the system for the time.

Redis TIME is the clock of record (see docs/design.md); these are for distances and for what never reaches Redis.
"""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Unix time in milliseconds, as this machine believes it to be."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds from an arbitrary start; never goes back."""
    return time.monotonic_ns() // 1_000_000
