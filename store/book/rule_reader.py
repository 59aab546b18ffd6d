"""Threshold rules as the recorder reads them: from config.db, without writing, and only when they have changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from store.book.database import translated
from store.book.windows_of_rules import RuleWindows, read_windows

# config.db is written in short transactions; who waits longer than this tries again later.
BUSY_TIMEOUT_S = 1.0

CHANGES = "SELECT count FROM metric_alert_changes"

# Rules of monitors that are not paused: those of others are as if they were not there.
RULES = """
SELECT a.id, a.public_id, a.monitor_id, m.org_id, m.public_id, m.name, m.interval_s, m.grace_s,
       a.channel_id, a.metric_key, a.operator, a.threshold, a.consecutive_triggers, a.version, a.created_ms
FROM metric_alerts AS a JOIN monitors AS m ON m.id = a.monitor_id
WHERE m.paused = 0
"""

ALERT_IDS = "SELECT id FROM metric_alerts"


class Rule(msgspec.Struct, frozen=True):
    """A threshold rule with what is told of its monitor."""

    id: int
    public_id: UUID
    monitor_id: int
    org_id: int
    monitor_public_id: UUID
    monitor_name: str
    interval_s: int
    grace_s: int
    channel_id: int
    metric_key: str
    operator: str
    threshold: float | str
    consecutive_triggers: int
    version: int
    since_ms: int


class Rules(msgspec.Struct, frozen=True):
    """The rules in force, the ids of all that there are, and the maintenance windows of their monitors."""

    active: list[Rule]
    ids: frozenset[int]
    windows: RuleWindows


class RuleReader:
    """Follows the rules in config.db. Not to be used by two threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._read: int | None = None

    def read_if_changed(self) -> Rules | None:
        """The rules; None if nothing has changed since they were read, neither they nor a window of theirs.

        Raises:
            Unavailable: config.db cannot be read now.
        """
        with translated():
            connection = self._connection or self._open()
            connection.execute("BEGIN")
            try:
                (changes,) = connection.execute(CHANGES).fetchone()
                if changes == self._read:
                    return None
                ids = frozenset(number for (number,) in connection.execute(ALERT_IDS))
                active = [_rule(row) for row in connection.execute(RULES)]
                windows = read_windows(connection)
            finally:
                connection.rollback()
        self._read = changes
        return Rules(active, ids, windows)

    def forget(self) -> None:
        """Read the rules again next time, changed or not."""
        self._read = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        # Not `mode=ro`: what a killed writer left half done can only be undone by who may write.
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        self._connection = connection
        return connection


def _rule(row: tuple[Any, ...]) -> Rule:
    alert_id, alert, monitor_id, org_id, monitor, *rest = row
    return Rule(alert_id, UUID(alert), monitor_id, org_id, UUID(monitor), *rest)
