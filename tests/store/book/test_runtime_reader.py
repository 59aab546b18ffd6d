"""What monitors are allowed is read beside whoever writes, and not waited for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.book.runtime_reader import Allowed, what_is_allowed
from store.errors import Unavailable


def test_each_monitor_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE monitors (id INTEGER, max_runtime_s INTEGER, failures INTEGER)")
        connection.execute("INSERT INTO monitors VALUES (1, 60, 1), (2, 0, 3), (3, 90, 1)")
        connection.commit()
    assert what_is_allowed(path, [1, 2, 4]) == {1: Allowed(60), 2: Allowed(failures=3)}


def test_a_book_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        what_is_allowed(tmp_path / "config.db", [1])
    with closing(sqlite3.connect(tmp_path / "config.db")) as connection:
        connection.execute("CREATE TABLE monitors (id INTEGER)")
    with pytest.raises(Unavailable):
        what_is_allowed(tmp_path / "config.db", [1])
