"""One moment of history.db, to read from. It never writes.

The file belongs to the recorder. It may not exist yet, and the recorder may move a damaged one aside, so each question
opens it anew: one question an API call, a fraction of a millisecond.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from store.book.database import BUSY_TIMEOUT_S, Transaction, translated
from store.clock import monotonic_ms
from store.errors import Unavailable

# In steps of SQLite's virtual machine; a millisecond or so.
LOOK_AT_CLOCK_EVERY = 50_000

TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ?"


@asynccontextmanager
async def snapshot_of(path: Path, within_ms: int | None = None) -> AsyncIterator[Transaction]:
    """A read transaction on the file; on an empty database, if there is no file yet.

    What takes longer than `within_ms` is broken off: `was_broken_off` tells that from other errors.
    """
    with translated():
        connection = await aiosqlite.connect(
            _address(path), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
        )
    try:
        connection.row_factory = sqlite3.Row
        if within_ms is not None:
            until_ms = monotonic_ms() + within_ms
            await connection.set_progress_handler(lambda: monotonic_ms() > until_ms, LOOK_AT_CLOCK_EVERY)
        snapshot = Transaction(connection)
        await snapshot.execute("BEGIN")
        yield snapshot
    finally:
        await connection.close()


def _address(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro" if path.exists() else ":memory:"


def was_broken_off(error: Unavailable) -> bool:
    """Whether a question ended because it took too long."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error) and cause.sqlite_errorname == "SQLITE_INTERRUPT"


async def tables(snapshot: Transaction, pattern: str) -> list[str]:
    """The tables whose name matches, in the order of their names."""
    return sorted(row["name"] for row in await snapshot.rows(TABLES, (pattern,)))
