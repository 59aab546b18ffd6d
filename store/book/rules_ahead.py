"""Monitors with the rules that Redis is to hold for them: worked out of what is asked, of windows, and of a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from sqlite3 import Row

import msgspec

from store.ahead import Calendar
from store.book import maintenance
from store.book.database import ConfigBook, SqlValue, Transaction
from store.maintenance import Recurrence
from store.monitor import MonitorConfig
from store.wishes import Wishes

# As a query on monitors names them.
COLUMNS = "schedule, timezone, max_runtime_s, failures, reminder_s, armed_by_ping"


class Asked(msgspec.Struct, frozen=True):
    """A monitor with what is asked of it."""

    config: MonitorConfig
    wishes: Wishes


# What a keeper needs to know of some monitors.
ASKED = f"""
SELECT id, version, {COLUMNS} FROM monitors
WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id
"""


class Heard(msgspec.Struct, frozen=True):
    """The time in Redis, by which silence is judged, and a monitor's last sign of life; None: it is not known."""

    now_ms: int
    base_ms: int | None = None


class Due(msgspec.Struct, frozen=True):
    """A monitor in a version, what is asked of it, and the windows that concern it."""

    id: int
    version: int
    wishes: Wishes
    windows: Sequence[Recurrence]


async def read_due(source: ConfigBook | Transaction, monitor_ids: Collection[int]) -> list[Due]:
    """Those of some monitors that are there."""
    rows = await source.rows(ASKED, (msgspec.json.encode(sorted(monitor_ids)).decode(),))
    windows = await maintenance.concerning(source, monitor_ids)
    return [
        Due(row["id"], row["version"], read_wishes(row), tuple(windows.get(row["id"], ()))) for row in rows
    ]


async def with_rules(
    source: ConfigBook | Transaction, monitors: Sequence[Asked], now_ms: int, bases_ms: Mapping[int, int]
) -> list[MonitorConfig]:
    """The configurations as they travel to Redis. `bases_ms`: the last signs of life, as far as they are known."""
    windows = await maintenance.concerning(source, [one.config.id for one in monitors])
    calendar = Calendar(now_ms // 1000)
    made = []
    for one in monitors:
        base_ms = bases_ms.get(one.config.id)
        base_s = None if base_ms is None else base_ms // 1000
        ahead = calendar.ahead(one.wishes, windows.get(one.config.id, ()), base_s)
        made.append(msgspec.structs.replace(one.config, rules=ahead.rules))
    return made


def read_wishes(row: Row) -> Wishes:
    """What is asked of the monitor in a row."""
    return Wishes(
        schedule=row["schedule"],
        timezone=row["timezone"],
        max_runtime_s=row["max_runtime_s"],
        failures=row["failures"],
        reminder_s=row["reminder_s"],
        is_armed_by_ping=bool(row["armed_by_ping"]),
    )


def wish_values(wishes: Wishes) -> tuple[SqlValue, ...]:
    """The same in the order of COLUMNS."""
    return msgspec.structs.astuple(wishes)
