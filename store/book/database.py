"""config.db: one serialised writer and one reader per process, and the only place where SQLite's errors are translated.

Rollback journal and BEGIN IMMEDIATE, because several processes write short transactions (ingest workers, the command).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType

import aiosqlite

from store.book.migrator import migrate
from store.errors import SettingError, Unavailable

SqlValue = str | int | float | bytes | None
CONFIG_DB = "config.db"
BUSY_TIMEOUT_S = 5.0

# EXTRA is FULL that also syncs the folder after the journal is gone: without it a commit that was answered could
# be rolled back by a power failure.
PRAGMAS = ("PRAGMA journal_mode = DELETE", "PRAGMA synchronous = EXTRA", "PRAGMA foreign_keys = ON")

# For large transactions: pages that do not fit are not written before the commit, which would shut readers out.
LARGE_PRAGMAS = ("PRAGMA cache_size = -65536", "PRAGMA cache_spill = OFF")


@contextmanager
def translated() -> Iterator[None]:
    """The seam: locked, full, unreadable or damaged becomes Unavailable; our own mistakes stay what they are."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError):
        raise
    except sqlite3.Error as error:
        raise Unavailable(f"The database cannot be used at the moment: {error}.") from error


class Transaction:
    """One transaction on a connection. A writing one is committed by leaving its `async with`, undone by raising.

    `made` is the id of what it creates, as callers know it; empty if that is nothing that somebody asked for.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self.made = ""

    async def execute(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """Run one statement; the number of rows that it touched."""
        with translated():
            async with self._connection.execute(sql, parameters) as cursor:
                return cursor.rowcount

    async def insert(self, sql: str, parameters: Sequence[SqlValue]) -> int:
        """Insert one row; its id."""
        with translated():
            async with self._connection.execute(sql, parameters) as cursor:
                assert cursor.lastrowid is not None
                return cursor.lastrowid

    async def insert_many(self, sql: str, rows: Iterable[Sequence[SqlValue]]) -> None:
        """Run one statement for each row."""
        with translated():
            async with self._connection.executemany(sql, rows):
                pass

    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        with translated():
            return list(await self._connection.execute_fetchall(sql, parameters))

    async def row(self, sql: str, parameters: Sequence[SqlValue] = ()) -> sqlite3.Row | None:
        return next(iter(await self.rows(sql, parameters)), None)


class ConfigBook:
    """An open config.db. Queries live beside their tables (monitors, channels, keys, orgs, outbox …).

    The reader is a connection of its own, so that it never sees half a transaction of the writer.
    """

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, *, large: bool = False) -> ConfigBook:
        """Open the file, making or migrating it if need be; `large` is for who writes many rows at once.

        Raises:
            SettingError: the file is not a database of ours, or of a newer version.
            Unavailable: the file is locked or cannot be read.
        """
        await asyncio.to_thread(prepare_file, path)
        writer = await _connect(path, (*PRAGMAS, *LARGE_PRAGMAS) if large else PRAGMAS)
        try:
            reader = await _connect(path, (*PRAGMAS, "PRAGMA query_only = ON"))
        except BaseException:
            await writer.close()
            raise
        return cls(writer, reader)

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    async def __aenter__(self) -> ConfigBook:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A write transaction, one at a time in this process. Whoever is cancelled inside leaves no lock behind."""
        async with self._writing:
            transaction = Transaction(self._writer)
            try:
                await transaction.execute("BEGIN IMMEDIATE")
                yield transaction
                await transaction.execute("COMMIT")
            finally:
                # After a COMMIT this does nothing. After a cancellation the statement that was under way still runs
                # in the connection's thread; this one stands behind it in the same queue.
                await self._writer.rollback()

    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        """What is committed."""
        with translated():
            return list(await self._reader.execute_fetchall(sql, parameters))

    async def row(self, sql: str, parameters: Sequence[SqlValue] = ()) -> sqlite3.Row | None:
        return next(iter(await self.rows(sql, parameters)), None)


def prepare_file(path: Path) -> None:
    """Make the file if it is missing, readable by its owner alone (it holds ping keys), and migrate it."""
    with translated():
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            try:
                for pragma in PRAGMAS:
                    connection.execute(pragma)
                migrate(connection, path.stem)
            finally:
                connection.close()
        except OSError as error:
            raise SettingError("OVERDUE_DATA", f"{path} cannot be opened: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                raise SettingError("OVERDUE_DATA", f"{path} is damaged or not a database: {error}") from error
            raise


async def _connect(path: Path, pragmas: Sequence[str]) -> aiosqlite.Connection:
    with translated():
        connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            for pragma in pragmas:
                await connection.execute_fetchall(pragma)
        except BaseException:
            await connection.close()
            raise
    return connection
