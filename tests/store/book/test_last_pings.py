"""The last ping is found in the day where it lies, among all that share its lane, and in time or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.book import last_pings as module
from store.book.history_writer import INDEX_LANES, HistoryWriter, PingValues
from store.book.last_pings import Wanted, last_pings
from store.errors import Unavailable
from store.last_ping import LastPing

NOON_MS = 1_800_014_400_000
DAY_MS = 86_400_000


def ping(monitor_id: int, at_ms: int, body: bytes | None = None) -> PingValues:
    return (monitor_id, at_ms, "recorded", "POST", "host", "", "", "curl/8.5", "10.0.0.5", body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def write(path: Path, *pings: PingValues) -> None:
    writer = HistoryWriter(path)
    with writer.transaction():
        writer.add_pings(pings)
    writer.close()


def test_it_is_the_newest_one_up_to_the_moment_of_the_event(path: Path) -> None:
    write(
        path,
        ping(1, NOON_MS - 2, b"old"),
        ping(1, NOON_MS - 1, b"rows: 12"),
        ping(1 + INDEX_LANES, NOON_MS - 1, b"of another"),
        ping(1, NOON_MS + 1, b"later"),
    )
    [found] = last_pings(path, [Wanted(1, NOON_MS, NOON_MS)], 500)
    assert found == LastPing(NOON_MS - 1, "10.0.0.5", "curl/8.5", message="rows: 12")


def test_several_are_found_at_once_each_on_its_own_day(path: Path) -> None:
    write(path, ping(1, NOON_MS - DAY_MS, b"yesterday"), ping(2, NOON_MS, b"today"))
    wanted = [
        Wanted(2, NOON_MS, NOON_MS),
        Wanted(1, NOON_MS - DAY_MS, NOON_MS),
        Wanted(1, NOON_MS, NOON_MS),
        Wanted(1, NOON_MS + DAY_MS, NOON_MS + DAY_MS),
    ]
    found = last_pings(path, wanted, 500)
    assert [one and one.message for one in found] == ["today", "yesterday", None, None]


def test_it_says_what_was_signalled_if_it_was_no_plain_ping(path: Path) -> None:
    write(path, ping(1, NOON_MS), ping(2, NOON_MS), ping(3, NOON_MS))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE signals_20270115 (ping_id INTEGER, signal INTEGER, exit_code INTEGER)"
        )
        connection.execute("INSERT INTO signals_20270115 VALUES (2, 2, 3), (3, 0, 0)")
        connection.commit()
    found = last_pings(path, [Wanted(one, NOON_MS, NOON_MS) for one in (1, 2, 3)], 500)
    assert [one and (one.signal, one.exit_code) for one in found] == [("", None), ("fail", 3), ("", 0)]


def test_a_file_that_is_not_there_is_said_so(path: Path) -> None:
    with pytest.raises(Unavailable):
        last_pings(path, [Wanted(1, NOON_MS, NOON_MS)], 500)


def test_what_takes_too_long_is_broken_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_AT_CLOCK_EVERY", 10)
    write(path, *(ping(1 + INDEX_LANES, NOON_MS) for _ in range(1000)))
    with pytest.raises(Unavailable):
        last_pings(path, [Wanted(1, NOON_MS, NOON_MS)], -1)
