"""Brings a SQLite database to the schema of this version: numbered SQL files, in order, each exactly once.

`PRAGMA user_version` is the number of the last file that was applied. It changes in the same transaction as the tables,
so a crash leaves the database before or after, never between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from store.errors import SettingError

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: sqlite3.Connection, database: str) -> None:
    """Apply the files of `migrations/<database>` that are missing; safe when several processes do so at once.

    1. Look without a lock: nearly always there is nothing to do.
    2. Take the write lock and look again: another process may have been faster.
    3. Apply what is missing and note the number, in that one transaction.

    The connection has to be in autocommit mode (`isolation_level=None`).

    Raises:
        SettingError: the database was written by a newer version of Overdue.
    """
    files = _files(database)
    if _version(connection, database, len(files)) == len(files):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number, file in files[_version(connection, database, len(files)) :]:
            for statement in _statements(file.read_text(encoding="utf-8")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    finally:
        connection.rollback()  # does nothing after a COMMIT


def _version(connection: sqlite3.Connection, database: str, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > newest:
        raise SettingError(
            "OVERDUE_DATA",
            f"{database}.db was written by a newer Overdue (schema {version}; this one knows {newest}): "
            "start that version, or name another folder",
        )
    return version


def _files(database: str) -> list[tuple[int, Path]]:
    """The files with their numbers: 0001_…, 0002_… without a gap."""
    return list(enumerate(sorted((MIGRATIONS / database).glob("[0-9]*_*.sql")), start=1))


def _statements(script: str) -> Iterator[str]:
    """The statements one by one; `executescript` is no use here, because it commits first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
