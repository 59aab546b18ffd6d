"""Answered = recorded: where the figures come from, and when they contradict each other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench import recorded
from bench.load import BenchFailed
from bench.recorded import Recorded, RowCounter, faults, read_recorded, settle

METRICS = """\
# HELP overdue_pings_total Pings answered, by door and outcome.
# TYPE overdue_pings_total counter
overdue_pings_total{door="ping",outcome="recorded"} 120.0
overdue_pings_total{door="ping",outcome="unknown"} 7.0
overdue_pings_total{door="heartbeat",outcome="recorded"} 9.0
# HELP overdue_history_dropped_total Dropped.
# TYPE overdue_history_dropped_total counter
overdue_history_dropped_total 2.0
"""


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE pings_20260301 (id INTEGER PRIMARY KEY) STRICT")
        database.execute("CREATE TABLE pings_20260302 (id INTEGER PRIMARY KEY) STRICT")
        database.execute("CREATE TABLE pings_meta (id INTEGER PRIMARY KEY) STRICT")
        database.execute("INSERT INTO pings_20260301 VALUES (1), (2)")
        database.execute("INSERT INTO pings_20260302 VALUES (1), (2), (3)")
        database.execute("INSERT INTO pings_meta VALUES (1)")
        database.commit()
    return path


def test_rows_of_every_day_are_counted_and_of_nothing_else(history: Path) -> None:
    assert RowCounter(history).read() == 5


def test_rows_that_came_since_the_last_look_are_added(history: Path) -> None:
    counter = RowCounter(history)
    counter.read()
    with closing(sqlite3.connect(history)) as database:
        database.execute("INSERT INTO pings_20260302 VALUES (4), (5)")
        database.execute("CREATE TABLE pings_20260303 (id INTEGER PRIMARY KEY) STRICT")
        database.execute("INSERT INTO pings_20260303 VALUES (6)")
        database.commit()

    assert (counter.read(), counter.read()) == (8, 8)


def test_what_was_recorded_counts_whatever_its_door() -> None:
    assert read_recorded(METRICS, 5) == Recorded(counted=129, rows=5, dropped=2)


def test_a_history_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="history"):
        RowCounter(tmp_path / "history.db").read()
    assert not (tmp_path / "history.db").exists()


def test_what_was_answered_has_to_be_counted_and_written() -> None:
    assert faults(100, 0, Recorded(counted=100, rows=100, dropped=0)) == ()


def test_requests_that_were_cut_off_may_be_recorded_too_but_no_more_than_those() -> None:
    assert faults(100, 8, Recorded(counted=108, rows=100, dropped=0)) == ()
    assert len(faults(100, 8, Recorded(counted=109, rows=109, dropped=0))) == 2


def test_an_answer_that_was_not_written_is_a_fault_and_says_what_was_dropped() -> None:
    (fault,) = faults(100, 8, Recorded(counted=100, rows=99, dropped=1))

    assert fault == "100 answered, but history.db grew by 99 rows (1 dropped at the backlog's cap)"


def test_an_answer_that_was_not_counted_is_a_fault() -> None:
    (fault,) = faults(100, 8, Recorded(counted=99, rows=100, dropped=0))

    assert "overdue_pings_total grew by 99" in fault


def test_what_was_recorded_meanwhile_is_a_difference() -> None:
    before, after = Recorded(10, 8, 1), Recorded(30, 30, 1)

    assert after.since(before) == Recorded(counted=20, rows=22, dropped=0)


@pytest.fixture
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "STUCK_MS", 100)
    monkeypatch.setattr(recorded, "LOOK_EVERY_S", 0.001)


@pytest.mark.usefixtures("_hurry")
def test_a_recorder_that_is_behind_is_waited_for() -> None:
    before, last = Recorded(100, 100, 0), Recorded(109, 108, 1)
    looks = [Recorded(105, 100, 0), *[Recorded(109, rows, 1) for rows in range(100, 109) for _ in range(3)]]
    seen = iter(looks)

    assert settle(lambda: next(seen, last), before) == Recorded(9, 8, 1)


@pytest.mark.usefixtures("_hurry")
def test_a_recorder_that_stands_still_is_given_up_on() -> None:
    stuck = Recorded(9, 3, 0)

    assert settle(lambda: stuck, Recorded(0, 0, 0)) == stuck
