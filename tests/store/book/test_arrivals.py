"""When pings of a monitor arrived, over days and beside others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.book import arrivals as module
from store.book.arrivals import ARRIVALS, Arrivals, arrivals
from store.book.ping_questions import IN_LANE
from store.errors import Invalid
from tests.store.book.test_history_reader import FIRST_DAY_MS, SECOND_DAY_MS, Recorder

MIDNIGHT = SECOND_DAY_MS


def record(path: Path, *pings: tuple[int, int]) -> None:
    recorder = Recorder(path)
    with closing(recorder.writer):
        recorder.pings(*pings)


async def test_they_are_in_order_over_midnight_and_are_nobody_else_s(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    ours = [MIDNIGHT + after_ms for after_ms in (50, 40, 200, -100, -7000)]
    record(path, *((1, at_ms) for at_ms in ours), (2, MIDNIGHT))
    found = await arrivals(path, 1, MIDNIGHT - 5000, MIDNIGHT + 200)
    assert found == Arrivals([MIDNIGHT - 100, MIDNIGHT + 40, MIDNIGHT + 50], before_ms=MIDNIGHT - 7000)


async def test_the_one_before_may_lie_days_back(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    record(path, (1, FIRST_DAY_MS - 5 * 86_400_000), (2, MIDNIGHT - 1), (1, MIDNIGHT + 10))
    found = await arrivals(path, 1, MIDNIGHT, MIDNIGHT + 100)
    assert found == Arrivals([MIDNIGHT + 10], before_ms=FIRST_DAY_MS - 5 * 86_400_000)


async def test_without_a_history_there_are_none(tmp_path: Path) -> None:
    assert await arrivals(tmp_path / "history.db", 1, 0, MIDNIGHT) == Arrivals([], None)


async def test_the_index_holds_all_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    record(path, (1, FIRST_DAY_MS))
    with closing(sqlite3.connect(path)) as connection:
        (table,) = connection.execute(
            "SELECT name FROM sqlite_schema WHERE name GLOB 'pings_*[0-9]'"
        ).fetchone()
        plan = connection.execute(
            "EXPLAIN QUERY PLAN " + ARRIVALS.format(table=table, lane=IN_LANE, is_life=""), (1, 0, 1)
        ).fetchall()
    assert "COVERING INDEX" in str(plan)


async def test_what_takes_too_long_is_broken_off_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.db"
    record(path, *((1, FIRST_DAY_MS + number) for number in range(20_000)))
    monkeypatch.setattr(module, "LONGEST_MS", -1)
    with pytest.raises(Invalid, match="less time"):
        await arrivals(path, 1, FIRST_DAY_MS, SECOND_DAY_MS)
