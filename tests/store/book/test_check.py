"""Whether a database is sound: asked without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.book.check import find_problems, open_for_reading
from store.book.copy import copy_database
from store.errors import Unavailable


def make(path: Path, journal_mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT")
    connection.execute("CREATE TABLE child (parent INTEGER REFERENCES parent (id)) STRICT")
    connection.execute("INSERT INTO parent VALUES (1)")
    return connection


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_sound_database_has_no_problems_also_while_it_is_written(tmp_path: Path, journal_mode: str) -> None:
    with closing(make(tmp_path / "a.db", journal_mode)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO parent VALUES (2)")
        assert find_problems(tmp_path / "a.db") == []


def test_a_row_without_its_parent_is_a_problem(tmp_path: Path) -> None:
    with closing(make(tmp_path / "a.db", "WAL")) as writer:
        writer.execute("INSERT INTO child VALUES (7)")
    assert find_problems(tmp_path / "a.db") == ["row 1 of child points to a row of parent that is not there"]


@pytest.mark.parametrize("content", [b"", b"x" * 10, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_a_problem_not_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    assert bool(find_problems(tmp_path / "a.db")) == bool(content)
    assert find_problems(tmp_path / "none.db") != []


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_connection_for_reading_cannot_write(tmp_path: Path, journal_mode: str) -> None:
    make(tmp_path / "a.db", journal_mode).close()
    reading = closing(open_for_reading(tmp_path / "a.db"))
    with reading as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("INSERT INTO parent VALUES (9)")


def test_the_wal_of_a_killed_writer_is_read_and_left_to_the_recorder(tmp_path: Path) -> None:
    with closing(make(tmp_path / "a.db", "WAL")):
        for suffix in ("", "-wal"):
            (tmp_path / f"killed.db{suffix}").write_bytes((tmp_path / f"a.db{suffix}").read_bytes())
    before = (tmp_path / "killed.db-wal").read_bytes()
    with closing(open_for_reading(tmp_path / "killed.db")) as reader:
        assert reader.execute("SELECT id FROM parent").fetchall() == [(1,)]
    assert (tmp_path / "killed.db-wal").read_bytes() == before


def test_a_copy_holds_what_is_committed_in_one_private_file(tmp_path: Path) -> None:
    with closing(make(tmp_path / "a.db", "WAL")):
        copy_database(tmp_path / "a.db", tmp_path / "b.db")
    assert [path.name for path in tmp_path.glob("b.db*")] == ["b.db"]
    assert (tmp_path / "b.db").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "b.db")) as copied:
        assert copied.execute("SELECT id FROM parent").fetchall() == [(1,)]


def test_a_copy_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        copy_database(tmp_path / "none.db", tmp_path / "b.db")
