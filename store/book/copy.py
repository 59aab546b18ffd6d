"""A consistent copy of a database that is in use, by SQLite's backup API."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from store.book.check import open_for_reading
from store.errors import Unavailable


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as of one moment into a new file.

    All pages in one step: in smaller steps every commit of another process would start the copy anew. A WAL goes
    on being written meanwhile; writers of a rollback journal wait, and config.db is small.

    Raises:
        Unavailable: it cannot be read, or the disk is full.
    """
    target.touch(mode=0o600, exist_ok=False)
    try:
        with closing(open_for_reading(source)) as reader, closing(sqlite3.connect(target)) as writer:
            reader.backup(writer)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{source} cannot be copied to {target}: {error}") from error
