"""What Overdue says that it recorded: its own counters, and the rows in `history.db`.

The bench believes neither alone: what was answered has to be found in both.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from bench.load import BenchFailed
from store.clock import monotonic_ms

STUCK_MS = 20_000
LOOK_EVERY_S = 0.2


class Recorded(msgspec.Struct, frozen=True):
    """Pings recorded so far: counted by ingest, written by the recorder, and dropped at the backlog's cap."""

    counted: int
    rows: int
    dropped: int

    def since(self, before: Recorded) -> Recorded:
        return Recorded(self.counted - before.counted, self.rows - before.rows, self.dropped - before.dropped)

    @property
    def is_written(self) -> bool:
        """Whether every ping that was counted is in a row, or was dropped."""
        return self.rows + self.dropped >= self.counted


class RowCounter:
    """Counts the rows of all `pings_YYYYMMDD` tables, read beside the recorder; each row is looked at once.

    Rows are only ever appended, with growing ids.
    """

    def __init__(self, history: Path) -> None:
        self._history = history
        self._last: dict[str, int] = {}
        self._rows = 0

    def read(self) -> int:
        """All rows so far. Raises BenchFailed if the file cannot be read."""
        try:
            with closing(sqlite3.connect(f"file:{self._history}?mode=ro", uri=True)) as database:
                tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (table,) in tables:
                    if re.fullmatch(r"pings_\d{8}", table):
                        self._look_at(database, table)
        except sqlite3.Error as error:
            raise BenchFailed(f"history.db cannot be read: {error}") from error
        return self._rows

    def _look_at(self, database: sqlite3.Connection, table: str) -> None:
        after = self._last.get(table, 0)
        new, last = database.execute(
            f"SELECT count(*), max(id) FROM {table} WHERE id > ?", (after,)
        ).fetchone()
        self._rows += new
        self._last[table] = last or after


def read_recorded(metrics: str, rows: int) -> Recorded:
    """`metrics`: what `/metrics` says."""
    return Recorded(
        counted=sum_of(metrics, "overdue_pings_total", outcome="recorded"),
        rows=rows,
        dropped=sum_of(metrics, "overdue_history_dropped_total"),
    )


def sum_of(metrics: str, name: str, **labels: str) -> int:
    """The sum of a metric's samples that carry these labels; 0 if there are none yet."""
    families = text_string_to_metric_families(metrics)
    samples = (sample for family in families for sample in family.samples)
    return int(sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items()))


def settle(read: Callable[[], Recorded], before: Recorded) -> Recorded:
    """Wait until all that was counted since `before` is written, at two looks in a row; answers how much that is.

    A recorder that stands still is given up on after a while; then the figures speak for themselves.
    """
    latest, grown_ms = read().since(before), monotonic_ms()
    while True:
        time.sleep(LOOK_EVERY_S)
        seen = read().since(before)
        if (seen == latest and seen.is_written) or monotonic_ms() - grown_ms >= STUCK_MS:
            return seen
        if seen != latest:
            grown_ms = monotonic_ms()
        latest = seen


def faults(answered: int, cut: int, recorded: Recorded) -> tuple[str, ...]:
    """What contradicts "answered = recorded". Requests that were cut off may have been recorded too."""
    allowed = range(answered, answered + cut + 1)
    found = []
    if recorded.counted not in allowed:
        found.append(f"{answered} answered, but overdue_pings_total grew by {recorded.counted}")
    if recorded.rows not in allowed:
        dropped = f" ({recorded.dropped} dropped at the backlog's cap)" if recorded.dropped else ""
        found.append(f"{answered} answered, but history.db grew by {recorded.rows} rows{dropped}")
    return tuple(found)
