"""Plans: what an organisation may use, and how `overdue.toml` changes or adds one. 0 means that there is no limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from store.errors import SettingError
from store.monitor import MAX_INTERVAL_S, MIN_INTERVAL_S

UNLIMITED = "unlimited"
DAY_MS = 86_400_000
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_MOST = 1_000_000_000

# How a limit is called in `overdue.toml`, how in a Plan, and the highest number that it takes.
_LIMITS: Mapping[str, tuple[str, int]] = {
    "min_interval": ("min_interval_s", MAX_INTERVAL_S),
    "pings_per_minute": ("pings_per_minute", _MOST),
    "monitors": ("monitors", _MOST),
    "history_days": ("history_days", 3660),
    "writes_per_minute": ("writes_per_minute", _MOST),
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a plan. `writes_per_minute` is about one API key, the others are about the whole organisation."""

    name: str
    min_interval_s: int
    pings_per_minute: int
    monitors: int
    history_days: int
    writes_per_minute: int

    @property
    def least_interval_s(self) -> int:
        """The shortest interval that a monitor may have."""
        return max(self.min_interval_s, MIN_INTERVAL_S)

    def history_since_ms(self, now_ms: int) -> int:
        """The moment before which pings are not shown; 0: all are."""
        return now_ms - self.history_days * DAY_MS if self.history_days else 0


class PlanChange(msgspec.Struct, frozen=True):
    """What `overdue.toml` says of a plan: some of its limits, by the names of a Plan's fields."""

    name: str
    limits: Mapping[str, int]


def read_plans(tables: Any, file: Path) -> tuple[PlanChange, ...]:
    """The tables `[plans.<name>]` of a file.

    Raises:
        SettingError: one of them is bad; names it.
    """
    if not isinstance(tables, dict):
        raise SettingError(f"plans in {file}", "write a plan as a table of its own: [plans.pro]")
    return tuple(_read_plan(name, table, file) for name, table in tables.items())


def _read_plan(name: str, table: Any, file: Path) -> PlanChange:
    if not _NAME.fullmatch(name):
        raise SettingError(
            f"plans.{name} in {file}", "a plan's name has 1 to 40 lower-case letters, digits, - and _"
        )
    if not isinstance(table, dict):
        raise SettingError(f"plans.{name} in {file}", f"write a plan as a table of its own: [plans.{name}]")
    limits: dict[str, int] = {}
    for key, value in table.items():
        where = f"plans.{name}.{key} in {file}"
        if key not in _LIMITS:
            raise SettingError(where, f"there is no such limit; a plan has {', '.join(_LIMITS)}")
        field, most = _LIMITS[key]
        if type(value) is not int or not 0 <= value <= most:
            raise SettingError(where, f"must be a whole number from 0 (no limit) to {most}")
        limits[field] = value
    return PlanChange(name, limits)
