"""Samples of metrics, the writing side: raw values, 1-minute and 1-hour rollups, and the keys that were discovered.

Rollups are folded in memory first and written once per key and minute (or hour) of a transaction. They say of their
minute exactly what the raw samples say: `last` is the sample with the latest stamp, of two equal stamps the later ping.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from store.book.dated_tables import DAY_MS, Dated
from store.book.history_writer import HistoryWriter
from store.flat_json import Metrics
from store.rollup import LARGEST, Rollup, empty_at

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
MOST_KEYS = 64
MONITORS_REMEMBERED = 50_000

# Clustered by key: a question about one key reads neighbours, and a monitor's samples of a minute lie on one page.
SAMPLES = Dated(
    "samples",
    "%Y%m%d",
    (
        """
        CREATE TABLE {table} (
            key_id INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            ping_id INTEGER NOT NULL,
            value ANY NOT NULL,
            PRIMARY KEY (key_id, at_ms, ping_id)
        ) STRICT, WITHOUT ROWID
        """,
    ),
)

# `count` is all samples, `numbers` those of them that low, high and total speak of.
_MAKE_ROLLUPS = """
CREATE TABLE {table} (
    key_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    low REAL,
    high REAL,
    total REAL NOT NULL,
    numbers INTEGER NOT NULL,
    count INTEGER NOT NULL,
    last ANY NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (key_id, at_ms)
) STRICT, WITHOUT ROWID
"""
MINUTES = Dated("minutes", "%Y%m%d", (_MAKE_ROLLUPS,))
HOURS = Dated("hours", "%Y%m", (_MAKE_ROLLUPS,))

INSERT_SAMPLE = "INSERT INTO {table} VALUES (?, ?, ?, ?)"

FOLD_ROLLUP = f"""
INSERT INTO {{table}} (key_id, at_ms, low, high, total, numbers, count, last, last_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key_id, at_ms) DO UPDATE SET
    low = min(coalesce(low, excluded.low), coalesce(excluded.low, low)),
    high = max(coalesce(high, excluded.high), coalesce(excluded.high, high)),
    total = max(-{LARGEST!r}, min({LARGEST!r}, total + excluded.total)),
    numbers = numbers + excluded.numbers,
    count = count + excluded.count,
    last = CASE WHEN excluded.last_ms >= last_ms THEN excluded.last ELSE last END,
    last_ms = max(last_ms, excluded.last_ms)
"""

KEYS_OF = "SELECT key, id FROM metric_keys WHERE monitor_id = ?"
DISCOVER = "INSERT INTO metric_keys (monitor_id, key, last, last_ms) VALUES (?, ?, ?, ?)"
SET_LAST = "UPDATE metric_keys SET last = ?, last_ms = ? WHERE id = ? AND last_ms <= ?"
REFUSE = """
INSERT INTO metric_refusals (monitor_id, refused, last_ms) VALUES (?, ?, ?)
ON CONFLICT (monitor_id) DO UPDATE SET refused = refused + excluded.refused, last_ms = excluded.last_ms
RETURNING refused
"""
FORGET_KEYS = "DELETE FROM metric_keys WHERE last_ms < ?"
FORGET_REFUSALS = "DELETE FROM metric_refusals WHERE last_ms < ?"

_log = logging.getLogger(__name__)


class Taken(msgspec.Struct, frozen=True, gc=False):
    """The metrics of one ping."""

    monitor_id: int
    at_ms: int
    ping_id: int
    metrics: Metrics


class Counted(msgspec.Struct, frozen=True):
    """How many samples were kept, and how many values refused because their key was one too many."""

    samples: int = 0
    refused: int = 0


# Key id and the start of the minute (or hour) in ms, with what happened in it.
Rollups = dict[tuple[int, int], Rollup]


class SampleWriter:
    """Writes samples through the recorder's connection, inside its transactions."""

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._connection = history.connection
        self._keys: dict[int, dict[str, int]] = {}
        history.on_rollback.append(self._keys.clear)

    def add(self, taken: Sequence[Taken]) -> Counted:
        """Write the metrics of pings, which come in order.

        1. Find each key, or discover it. 2. Append the raw samples. 3. Fold them by minute, the minutes by hour, and
        write what came out. 4. Note the latest value of each key, and what was refused.
        """
        samples: list[tuple[int, int, int, float | str]] = []
        refused: Counter[int] = Counter()
        minutes: Rollups = {}
        for one in taken:
            keys = self.keys_of(one.monitor_id)
            minute_ms = one.at_ms - one.at_ms % MINUTE_MS
            for key, value in one.metrics.items():
                key_id = keys.get(key) or self._discover(one, keys, key, value)
                if not key_id:
                    refused[one.monitor_id] += 1
                    continue
                samples.append((key_id, one.at_ms, one.ping_id, value))
                rollup = minutes.get((key_id, minute_ms))
                if rollup is None:
                    rollup = minutes[key_id, minute_ms] = empty_at(value, one.at_ms)
                rollup.add(value, one.at_ms)
        self._append(samples)
        self._fold(MINUTES, minutes)
        self._fold(HOURS, _by(HOUR_MS, minutes))
        self._set_last(minutes)
        if taken:
            self._refuse(refused, taken[-1].at_ms)
        return Counted(len(samples), refused.total())

    def keys_of(self, monitor_id: int) -> dict[str, int]:
        """The keys of a monitor with their ids."""
        keys = self._keys.get(monitor_id)
        if keys is None:
            if len(self._keys) >= MONITORS_REMEMBERED:
                self._keys.clear()
            keys = self._keys[monitor_id] = dict(self._connection.execute(KEYS_OF, (monitor_id,)).fetchall())
        return keys

    def forget_before(self, at_ms: int) -> int:
        """Forget keys without a value since then, so that others can take their place; answers how many."""
        with self._history.transaction():
            gone = self._connection.execute(FORGET_KEYS, (at_ms,)).rowcount
            self._connection.execute(FORGET_REFUSALS, (at_ms,))
        self._keys.clear()
        return gone

    def _discover(self, one: Taken, keys: dict[str, int], key: str, value: float | str) -> int | None:
        """The id of a new key; None if the monitor has as many as it can have."""
        if len(keys) >= MOST_KEYS:
            return None
        row = (one.monitor_id, key, value, one.at_ms)
        keys[key] = self._connection.execute(DISCOVER, row).lastrowid or 0
        return keys[key]

    def _append(self, samples: Sequence[tuple[int, int, int, float | str]]) -> None:
        for table, rows in _by_table(SAMPLES, samples):
            self._history.tables.make(SAMPLES, table)
            self._connection.executemany(INSERT_SAMPLE.format(table=table), rows)

    def _fold(self, dated: Dated, rollups: Rollups) -> None:
        rows = [(*at, *msgspec.structs.astuple(rollup)) for at, rollup in rollups.items()]
        for table, some in _by_table(dated, rows):
            self._history.tables.make(dated, table)
            self._connection.executemany(FOLD_ROLLUP.format(table=table), some)

    def _set_last(self, minutes: Rollups) -> None:
        rows = [(one.last, one.last_ms, key_id, one.last_ms) for (key_id, _), one in minutes.items()]
        self._connection.executemany(SET_LAST, rows)

    def _refuse(self, refused: Mapping[int, int], at_ms: int) -> None:
        for monitor_id, count in refused.items():
            (total,) = self._connection.execute(REFUSE, (monitor_id, count, at_ms)).fetchone()
            if total == count:
                _log.warning(
                    "monitor %d sends more than %d metric keys; others are dropped", monitor_id, MOST_KEYS
                )


def _by(length_ms: int, rollups: Rollups) -> Rollups:
    """Rollups of longer stretches, from those of shorter ones."""
    longer: Rollups = {}
    for (key_id, at_ms), rollup in rollups.items():
        at = (key_id, at_ms - at_ms % length_ms)
        if at in longer:
            longer[at].fold(rollup)
        else:
            longer[at] = msgspec.structs.replace(rollup)
    return longer


_Row = TypeVar("_Row", bound=tuple[Any, ...])


def _by_table(dated: Dated, rows: Sequence[_Row]) -> Iterator[tuple[str, list[_Row]]]:
    """Rows by their table; the second column is the moment. Nearly always all of them are of one day."""
    by_day: dict[int, list[_Row]] = {}
    for row in rows:
        by_day.setdefault(row[1] // DAY_MS, []).append(row)
    for day, some in by_day.items():
        yield dated.table(day * DAY_MS), some
