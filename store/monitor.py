"""The words for a monitor that every room shares: what was asked for, and what is true of it now."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol
from uuid import UUID

import msgspec

from store.monitor_rules import MonitorRules

MIN_INTERVAL_S = 1
MAX_INTERVAL_S = 366 * 86_400
MIN_GRACE_S = 0
MAX_GRACE_S = 366 * 86_400
MAX_NAME = 200
MAX_TAGS = 20
MAX_TAG = 50

# The deadline of what is not awaited yet: see scripts/shared/rules.lua.
NEVER_MS = 2**48 - 1

INCIDENT_NAMESPACE = UUID("6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77")


class Phase(IntEnum):
    """What the scripts store of a monitor; `new` and `late` are computed when somebody looks."""

    ACTIVE = 1
    DOWN = 2
    PAUSED = 3


class MonitorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor as it was asked for. `version` grows by one with every change; `key_epoch` with every key change."""

    id: int
    public_id: UUID
    org_id: int
    name: str
    interval_s: int
    grace_s: int
    paused: bool
    version: int
    key_epoch: int
    rules: MonitorRules | None = None

    @property
    def limit_ms(self) -> int:
        """The longest silence allowed: interval + grace."""
        return (self.interval_s + self.grace_s) * 1000


class MonitorState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A monitor as it is. `base_ms` is where its current window starts; `seen_ms` is 0 until the first ping.

    `delayed_ms` is how much later blind time made a down. `deadline_ms` is the end of the longest silence allowed,
    blind time included; None where blind time has not touched it, or nobody has looked.
    """

    phase: Phase
    base_ms: int
    seen_ms: int
    recorded_ms: int
    down_at_ms: int
    delayed_ms: int = 0
    deadline_ms: int | None = None


class Expectation(Protocol):
    """What was asked for, as far as it decides how a monitor is doing."""

    @property
    def interval_s(self) -> int: ...
    @property
    def paused(self) -> bool: ...
    @property
    def limit_ms(self) -> int: ...


def status_of(asked: Expectation, state: MonitorState | None, now_ms: int) -> str:
    """One of `new`, `up`, `late`, `down`, `paused`. Late: due, but still inside the grace period.

    There is no state until Redis knows the monitor.
    """
    if state is None:
        return "paused" if asked.paused else "new"
    if state.phase == Phase.PAUSED:
        return "paused"
    if state.phase == Phase.DOWN:
        return "down"
    deadline_ms = deadline_of(asked, state)
    if deadline_ms is not None and now_ms > deadline_ms - (asked.limit_ms - asked.interval_s * 1000):
        return "late"
    return "up" if state.seen_ms else "new"


def deadline_of(asked: Expectation, state: MonitorState | None) -> int | None:
    """The end of the longest silence allowed, in ms; None while nothing is awaited."""
    if state is None or state.phase != Phase.ACTIVE:
        return None
    if state.deadline_ms == NEVER_MS:
        return None
    return state.base_ms + asked.limit_ms if state.deadline_ms is None else state.deadline_ms
