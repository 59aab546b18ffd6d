"""What the books say of the pings of a run: which of them are there, when they happened, and what they meant."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tests.system.history import DAY

SUCCESS = 0
# A ping's number is in its query, or in a value of this name.
NUMBERED, NUMBER = "n=", "n"
OF_KEY = "WHERE key_id IN (SELECT id FROM metric_keys WHERE monitor_id = ?1 AND key = ?2)"
SAMPLES = f"SELECT ping_id, at_ms, value FROM {{}} {OF_KEY}"
MINUTES = f"SELECT count FROM {{}} {OF_KEY}"
NUMBERS = f"""
SELECT ping_id, CAST(value AS INTEGER) FROM {{}}
WHERE key_id IN (SELECT id FROM metric_keys WHERE key = '{NUMBER}') AND ping_id > ?
"""


class Row(msgspec.Struct, frozen=True):
    """A recorded ping. `number` is what its sender called it, -1 if it did not; `run` is its run, in hex.

    `signal` is 0 for a success. `started_ms`: when the run began that it ended.
    """

    id: int
    monitor: int
    at_ms: int
    number: int = -1
    signal: int = SUCCESS
    run: str = ""
    started_ms: int | None = None
    duration_ms: int | None = None


class Sample(msgspec.Struct, frozen=True):
    """A recorded value, and the ping that it came with."""

    ping: int
    at_ms: int
    value: float | str


class Records:
    """The pings that were recorded, read on from where the last look ended."""

    def __init__(self, data: Path) -> None:
        self.doubled: list[int] = []
        self.by_number: dict[int, Row] = {}
        self._data = data
        self._rows: dict[int, list[Row]] = defaultdict(list)
        self._monitors: dict[str, int] = {}
        self._last_row = 0

    def read(self) -> None:
        """Look at what was recorded since the last look."""
        last_row = self._last_row
        with self._history() as database:
            names = _tables(database)
            found = [
                row
                for name in filter(DAY, names)
                for row in database.execute(_pings_of(name, names), (self._last_row,))
            ]
            numbers = dict(_over(database, NUMBERS, "samples_", names, self._last_row))
        for row in found:
            self._note(numbers.get(row[0], -1), *row)
            last_row = max(last_row, row[0])
        self._last_row = last_row

    def of(self, monitor_id: str) -> list[Row]:
        """The recorded pings of a monitor, in the order of their moments."""
        return sorted(self._rows[self.number_of(monitor_id)], key=lambda one: (one.at_ms, one.id))

    def number_of(self, monitor_id: str) -> int:
        """The number inside of a monitor, by its public id."""
        if monitor_id not in self._monitors:
            with closing(self._open("config.db")) as book:
                (row,) = book.execute("SELECT id FROM monitors WHERE public_id = ?", (monitor_id,)).fetchall()
            self._monitors[monitor_id] = row[0]
        return self._monitors[monitor_id]

    def samples(self, monitor_id: str, key: str) -> tuple[list[Sample], int]:
        """All values under a key that came with the pings read so far, and how many the minutes of them have counted.

        Both at one moment, which is not over while others look on: what is younger is left out of both.
        """
        with self._history() as database:
            database.execute("BEGIN")
            names = _tables(database)
            own = self.number_of(monitor_id), key
            samples = [Sample(*row) for row in _over(database, SAMPLES, "samples_", names, *own)]
            counted = sum(count for (count,) in _over(database, MINUTES, "minutes_", names, *own))
        younger = [one for one in samples if one.ping > self._last_row]
        return [one for one in samples if one.ping <= self._last_row], counted - len(younger)

    def _note(
        self, number: int, row_id: int, monitor: int, at_ms: int, query: str | None, *said: Any
    ) -> None:
        if query and query.startswith(NUMBERED):
            number = int(query.removeprefix(NUMBERED).partition("&")[0])
        row = Row(row_id, monitor, at_ms, number, *said)
        self._rows[monitor].append(row)
        if number in self.by_number:
            self.doubled.append(number)
        if number >= 0:
            self.by_number[number] = row

    def _history(self) -> closing[sqlite3.Connection]:
        return closing(self._open("history.db"))

    def _open(self, name: str) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._data / name}?mode=ro", uri=True, timeout=10)


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _over(
    database: sqlite3.Connection, question: str, prefix: str, names: set[str], *values: object
) -> list[tuple[Any, ...]]:
    """The answers of all tables of a family."""
    family = [name for name in names if name.startswith(prefix)]
    return [row for name in family for row in database.execute(question.format(name), values)]


def _pings_of(name: str, names: set[str]) -> str:
    """The question for a day's pings after a row, with what they signalled."""
    said = f"signals_{name.removeprefix('pings_')}"
    columns = "coalesce(signal, 0), lower(hex(run)), started_ms, duration_ms"
    if said not in names:
        return f"SELECT id, monitor_id, at_ms, query, 0, '', NULL, NULL FROM {name} WHERE id > ? ORDER BY id"
    return (
        f"SELECT id, monitor_id, at_ms, query, {columns} FROM {name} "
        f"LEFT JOIN {said} ON ping_id = id WHERE id > ? ORDER BY id"
    )
