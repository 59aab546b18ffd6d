"""How long runs may take is read beside whoever writes, and not waited for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.book.runtime_reader import max_runtimes
from store.errors import Unavailable


def test_each_monitor_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE monitors (id INTEGER, max_runtime_s INTEGER)")
        connection.execute("INSERT INTO monitors VALUES (1, 60), (2, 0), (3, 90)")
        connection.commit()
    assert max_runtimes(path, [1, 2, 4]) == {1: 60, 2: 0}


def test_a_book_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        max_runtimes(tmp_path / "config.db", [1])
    with closing(sqlite3.connect(tmp_path / "config.db")) as connection:
        connection.execute("CREATE TABLE monitors (id INTEGER)")
    with pytest.raises(Unavailable):
        max_runtimes(tmp_path / "config.db", [1])
