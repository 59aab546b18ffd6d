"""Which tags monitors have, counted: read from config.db by the sweeper, without writing, for messages about many."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from store.book.database import translated

# An alert does not wait longer than this for its tags.
BUSY_TIMEOUT_S = 0.5
MOST_TAGS = 10
AT_ONCE = 500

TAGS = "SELECT tag FROM monitor_tags WHERE monitor_id IN ({marks})"


def count_tags(path: Path, monitor_ids: Sequence[int]) -> list[tuple[str, int]]:
    """The commonest tags of these monitors, and how many of them have each.

    Raises:
        Unavailable: config.db cannot be read now, or is not there.
    """
    counts: Counter[str] = Counter()
    address = f"{path.absolute().as_uri()}?mode=rw"
    with translated(), closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA query_only = ON")
        for at in range(0, len(monitor_ids), AT_ONCE):
            some = monitor_ids[at : at + AT_ONCE]
            sql = TAGS.format(marks=", ".join("?" * len(some)))
            counts.update(tag for (tag,) in connection.execute(sql, some))
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_TAGS]
