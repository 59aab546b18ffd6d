"""How long runs of monitors may take: read from config.db by the sweeper, without writing, for what people are told."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from store.book.database import translated
from store.book.tag_reader import BUSY_TIMEOUT_S

MAX_RUNTIMES = "SELECT id, max_runtime_s FROM monitors WHERE id IN ({marks})"


def max_runtimes(path: Path, monitor_ids: Sequence[int]) -> dict[int, int]:
    """Monitor id to its longest run in seconds; 0: as long as it likes. Of a few monitors.

    Raises:
        Unavailable: config.db cannot be read now, or is not there.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"
    with translated(), closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA query_only = ON")
        sql = MAX_RUNTIMES.format(marks=", ".join("?" * len(monitor_ids)))
        return dict(connection.execute(sql, monitor_ids).fetchall())
