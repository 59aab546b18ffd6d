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

QUIET_MS = 1_500
STUCK_MS = 20_000
LOOK_EVERY_S = 0.25


class Recorded(msgspec.Struct, frozen=True):
    """Pings recorded so far: counted by ingest, written by the recorder, and dropped at the backlog's cap."""

    counted: int
    rows: int
    dropped: int
    backlog: int

    def since(self, before: Recorded) -> Recorded:
        return Recorded(
            self.counted - before.counted,
            self.rows - before.rows,
            self.dropped - before.dropped,
            self.backlog,
        )


def read_recorded(metrics: str, history: Path) -> Recorded:
    return Recorded(
        counted=sum_of(metrics, "overdue_pings_total", door="ping", outcome="recorded"),
        rows=count_rows(history),
        dropped=sum_of(metrics, "overdue_history_dropped_total"),
        backlog=sum_of(metrics, "overdue_stream_backlog", stream="pings"),
    )


def sum_of(metrics: str, name: str, **labels: str) -> int:
    """The sum of a metric's samples that carry these labels; 0 if there are none yet."""
    families = text_string_to_metric_families(metrics)
    samples = (sample for family in families for sample in family.samples)
    return int(sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items()))


def count_rows(history: Path) -> int:
    """The rows of all `pings_YYYYMMDD` tables, read beside the recorder."""
    try:
        with closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True)) as database:
            names = [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            days = [name for name in names if re.fullmatch(r"pings_\d{8}", name)]
            return sum(database.execute(f"SELECT count(*) FROM {day}").fetchone()[0] for day in days)
    except sqlite3.Error as error:
        raise BenchFailed(f"history.db cannot be read: {error}") from error


def settle(read: Callable[[], Recorded]) -> Recorded:
    """Wait until the recorder has caught up: no backlog and no new rows for a while.

    A recorder that stands still with a backlog is waited for longer; then the figures speak for themselves.
    """
    latest, grown_ms = read(), monotonic_ms()
    while True:
        quiet_ms = monotonic_ms() - grown_ms
        if quiet_ms >= STUCK_MS or (quiet_ms >= QUIET_MS and not latest.backlog):
            return latest
        time.sleep(LOOK_EVERY_S)
        seen = read()
        if seen.rows != latest.rows:
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
