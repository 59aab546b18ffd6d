"""When monitors were down lately, for many at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.book.recent_silences import RECENT, recent_silences
from tests.store.book.test_history_reader import Recorder

HOUR_MS = 3_600_000
FROM_MS = 1000 * HOUR_MS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def recorder(path: Path) -> Iterator[Recorder]:
    recorder = Recorder(path)
    with closing(recorder.writer):
        yield recorder


async def ask(path: Path, *ids: int) -> dict[int, list[tuple[int, int | None]]]:
    return await recent_silences(path, ids, FROM_MS, HOUR_MS, 1000)


async def test_before_the_first_record_nobody_was_down(path: Path) -> None:
    assert await ask(path, 1, 2) == {1: [], 2: []}
    assert await ask(path) == {}


async def test_silences_that_touch_the_time_are_found_and_no_others(path: Path, recorder: Recorder) -> None:
    recorder.incident("over", FROM_MS - 9, FROM_MS - 8, monitor_id=1)
    recorder.incident("into", FROM_MS - 5, FROM_MS + 5, monitor_id=1)
    recorder.incident("within", FROM_MS + 2 * HOUR_MS, FROM_MS + 3 * HOUR_MS, monitor_id=1)
    recorder.incident("open from before", FROM_MS - 7, None, monitor_id=2)
    recorder.incident("open", FROM_MS + 7, None, monitor_id=3)
    recorder.incident("of nobody who is asked for", FROM_MS + 7, None, monitor_id=4)

    found = await ask(path, 1, 2, 3, 5)

    assert {one: sorted(silences) for one, silences in found.items()} == {
        1: [(FROM_MS - 5, FROM_MS + 5), (FROM_MS + 2 * HOUR_MS, FROM_MS + 3 * HOUR_MS)],
        2: [(FROM_MS - 7, None)],
        3: [(FROM_MS + 7, None)],
        5: [],
    }


async def test_many_of_one_hour_are_told_once_and_an_open_one_stays_open(
    path: Path, recorder: Recorder
) -> None:
    for number in range(50):
        recorder.incident(f"{number}", FROM_MS + number * 10, FROM_MS + number * 10 + 5)
    recorder.incident("open", FROM_MS + 1000, None)

    assert sorted((await ask(path, 1))[1], key=lambda one: one[0]) == [
        (FROM_MS, FROM_MS + 495),
        (FROM_MS + 1000, None),
    ]


async def test_what_a_metric_breached_is_no_silence(path: Path, recorder: Recorder) -> None:
    recorder.incident("a", FROM_MS + 7, None)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE incidents SET kind = 'metric'")

    assert await ask(path, 1) == {1: []}


def test_incidents_are_found_by_their_monitor_and_start(path: Path, recorder: Recorder) -> None:
    with closing(sqlite3.connect(path)) as connection:
        sql = RECENT.format(marks="(?3), (?4)")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1, 1, 1, 2))]

    searches = [line for line in plan if "incidents" in line or line.startswith("SEARCH i ")]
    assert len(searches) >= 2
    assert not [line for line in plan if line.startswith("SCAN i ") or line == "SCAN incidents"]
