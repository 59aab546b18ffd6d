"""Whether a database file is sound, asked of SQLite itself without writing to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

BUSY_BOUND_S = 5.0
MOST_PROBLEMS = 5


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot change the file.

    A WAL file is opened read-only, because the last writing connection to close makes a checkpoint, and that is
    the recorder's alone. A rollback journal is opened for writing, because only then SQLite can undo what a
    killed writer left half done.
    """
    mode = "ro" if _is_wal(path) else "rw"
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_BOUND_S, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


def find_problems(path: Path) -> list[str]:
    """What SQLite finds wrong with the file; empty if it is sound. May take a minute for many gigabytes."""
    try:
        with closing(open_for_reading(path)) as connection:
            found = connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})").fetchall()
            problems = [str(text) for (text,) in found if text != "ok"]
            for table, row_id, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(
                MOST_PROBLEMS
            ):
                problems.append(f"row {row_id} of {table} points to a row of {parent} that is not there")
            return problems
    except (sqlite3.Error, OSError) as error:
        return [str(error)]


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(20)
    return header[18:19] == b"\x02"
