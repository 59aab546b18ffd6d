"""The schema of config.db, and how a database gets to it."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from store.book import migrator
from store.book.database import prepare_file
from store.book.migrator import MIGRATIONS, migrate
from store.errors import SettingError

EXPECTED = Path(__file__).with_name("config_schema.sql")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: " ".join(sql.split()) for name, sql in rows}


def test_the_migrations_add_up_to_the_expected_schema(connection: sqlite3.Connection) -> None:
    migrate(connection, "config")

    with closing(sqlite3.connect(":memory:")) as expected:
        expected.executescript(EXPECTED.read_text(encoding="utf-8"))
        assert schema_of(connection) == schema_of(expected)


def test_every_table_is_strict(connection: sqlite3.Connection) -> None:
    migrate(connection, "config")

    tables = connection.execute(
        "SELECT name, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'"
    ).fetchall()
    assert len(tables) == 22
    assert {strict for _, strict in tables} == {1}


@pytest.mark.parametrize("book", ["config", "history"])
def test_no_table_is_called_damaged_for_the_order_of_its_columns(
    connection: sqlite3.Connection, book: str
) -> None:
    """SQLite 3.40 looks for NULLs in the wrong place where another column stands before one of the key."""
    migrate(connection, book)

    for (name,) in connection.execute("SELECT name FROM pragma_table_list WHERE wr = 1").fetchall():
        columns = connection.execute("SELECT pk FROM pragma_table_info(?)", (name,)).fetchall()
        of_key = [pk > 0 for (pk,) in columns]
        assert of_key == sorted(of_key, reverse=True), name


def test_a_database_that_is_up_to_date_is_left_alone(connection: sqlite3.Connection) -> None:
    migrate(connection, "config")
    connection.execute("INSERT INTO orgs (public_id, name, created_ms) VALUES ('p', 'n', 1)")

    migrate(connection, "config")

    assert connection.execute("SELECT count(*) FROM orgs").fetchone() == (1,)


def test_a_newer_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    prepare_file(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(SettingError, match=r"config\.db was written by a newer Overdue \(schema 99"):
        prepare_file(path)


def test_a_migration_that_fails_leaves_nothing_behind(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "0001_good.sql").write_text("CREATE TABLE one (a INTEGER) STRICT;")
    (tmp_path / "config" / "0002_bad.sql").write_text(
        "CREATE TABLE two (a INTEGER) STRICT;\nCREATE NONSENSE;"
    )
    monkeypatch.setattr(migrator, "MIGRATIONS", tmp_path)

    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "config")

    assert schema_of(connection) == {}
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    assert not connection.in_transaction


def test_only_the_missing_files_are_applied(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "0001_first.sql").write_text("CREATE TABLE one (a INTEGER) STRICT;")
    monkeypatch.setattr(migrator, "MIGRATIONS", tmp_path)
    migrate(connection, "config")
    (tmp_path / "config" / "0002_second.sql").write_text("-- why;\nALTER TABLE one ADD COLUMN b TEXT;")

    migrate(connection, "config")

    assert [row[1] for row in connection.execute("PRAGMA table_info(one)")] == ["a", "b"]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_several_processes_that_open_at_once_migrate_once(tmp_path: Path) -> None:
    starters = 6
    for attempt in range(5):
        path, barrier = tmp_path / f"{attempt}" / "config.db", Barrier(starters)
        path.parent.mkdir()

        def start(_: int, path: Path = path, barrier: Barrier = barrier) -> None:
            barrier.wait()
            prepare_file(path)

        with ThreadPoolExecutor(starters) as pool:
            list(pool.map(start, range(starters)))

        files = len(list((MIGRATIONS / "config").iterdir()))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (files,)


def test_the_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    prepare_file(tmp_path / "config.db")

    assert stat.S_IMODE((tmp_path / "config.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"this is no database at all, but a text\n" * 100])
def test_a_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.db").write_bytes(content)

    with pytest.raises(SettingError, match="not a database"):
        prepare_file(tmp_path / "config.db")
