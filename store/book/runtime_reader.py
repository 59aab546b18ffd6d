"""How long runs of monitors may take, and how many failures in a row make an incident, for what people are told.

Read from config.db by the sweeper, without writing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from store.book.database import translated
from store.book.tag_reader import BUSY_TIMEOUT_S

ALLOWED = "SELECT id, max_runtime_s, failures FROM monitors WHERE id IN ({marks})"


class Allowed(msgspec.Struct, frozen=True):
    """The longest run in seconds (0: as long as it likes), and so many failures in a row that are an incident."""

    max_runtime_s: int = 0
    failures: int = 1


def what_is_allowed(path: Path, monitor_ids: Sequence[int]) -> dict[int, Allowed]:
    """By monitor id. Of a few monitors.

    Raises:
        Unavailable: config.db cannot be read now, or is not there.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"
    with translated(), closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA query_only = ON")
        sql = ALLOWED.format(marks=", ".join("?" * len(monitor_ids)))
        rows = connection.execute(sql, monitor_ids).fetchall()
    return {monitor_id: Allowed(runtime_s, failures) for monitor_id, runtime_s, failures in rows}
