"""The kinds of events, as the second byte of each says; `scripts/shared/lines.lua` has the same."""

from __future__ import annotations

from enum import IntEnum


class EventKind(IntEnum):
    """What happened. `CLOSED`: the monitor was paused or deleted while its incident was open.

    `DOWNS` and `UPS` are many of their kind in one message; dispatch makes them of single events. `REMINDER`: the
    monitor is still down.
    """

    DOWN = 1
    UP = 2
    CLOSED = 3
    BREACHED = 4
    CLEARED = 5
    UNHEARD = 6
    TRIAL = 7
    FAILING = 8
    DOWNS = 9
    UPS = 10
    REMINDER = 11


class Cause(IntEnum):
    """Why a monitor is down: a deadline passed, a ping said so, or a run was not ended in time."""

    MISSED = 0
    FAILED = 1
    OVERRUN = 2
