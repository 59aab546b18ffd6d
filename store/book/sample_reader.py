"""Samples of metrics, the reading side: which keys a monitor has, and what became of one of them over time."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Row

import msgspec

from store.book.database import Transaction
from store.book.dated_tables import Dated
from store.book.history_snapshot import snapshot_of, tables, was_broken_off
from store.book.sample_writer import HOURS, MINUTES, SAMPLES
from store.errors import Invalid, Unavailable
from store.rollup import Rollup

LONGEST_MS = 5_000

# A monitor's keys by name.
KEYS = "SELECT key, last, last_ms FROM metric_keys WHERE monitor_id = ? ORDER BY key"

KEY_ID = "SELECT id FROM metric_keys WHERE monitor_id = ? AND key = ?"

REFUSED = "SELECT refused FROM metric_refusals WHERE monitor_id = ?"

# A key (?1) by slots of ?2 ms, from ?3 until before ?4. `last` is looked up per slot, by the end of the primary key.
POINTS_OF_SAMPLES = """
SELECT slot, low, high, total, numbers, count, last_ms,
       (SELECT value FROM {table} WHERE key_id = ?1 AND at_ms = last_ms ORDER BY ping_id DESC LIMIT 1) AS last
FROM (
    SELECT at_ms / ?2 * ?2 AS slot, count(*) AS count, max(at_ms) AS last_ms,
           min(value) FILTER (WHERE typeof(value) = 'real') AS low,
           max(value) FILTER (WHERE typeof(value) = 'real') AS high,
           total(value) FILTER (WHERE typeof(value) = 'real') AS total,
           count(*) FILTER (WHERE typeof(value) = 'real') AS numbers
    FROM {table} WHERE key_id = ?1 AND at_ms >= ?3 AND at_ms < ?4 GROUP BY slot
)
ORDER BY slot
"""

# The same from rollups: the last one of a slot knows the last sample.
POINTS_OF_ROLLUPS = """
SELECT slot, low, high, total, numbers, count, last_ms,
       (SELECT last FROM {table} WHERE key_id = ?1 AND at_ms = latest_ms) AS last
FROM (
    SELECT at_ms / ?2 * ?2 AS slot, sum(count) AS count, max(at_ms) AS latest_ms, max(last_ms) AS last_ms,
           min(low) AS low, max(high) AS high, total(total) AS total, sum(numbers) AS numbers
    FROM {table} WHERE key_id = ?1 AND at_ms >= ?3 AND at_ms < ?4 GROUP BY slot
)
ORDER BY slot
"""


class MetricKey(msgspec.Struct, frozen=True):
    """A key with its latest value."""

    key: str
    last: float | str
    last_ms: int


class MetricKeys(msgspec.Struct, frozen=True):
    """All keys of a monitor, and how many values came under keys that were one too many."""

    keys: list[MetricKey]
    refused: int


class Span(msgspec.Struct, frozen=True):
    """From a moment until before another, in steps; all of it whole steps of Unix time."""

    from_ms: int
    until_ms: int
    step_ms: int


class Point(msgspec.Struct, frozen=True):
    """A step in which there was something."""

    at_ms: int
    rollup: Rollup


class SampleReader:
    """Reads history.db at this path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def keys(self, monitor_id: int) -> MetricKeys:
        """The keys that a monitor was seen to send, by name."""
        async with snapshot_of(self._path) as snapshot:
            if not await tables(snapshot, "metric_keys"):
                return MetricKeys([], 0)
            refused = await snapshot.row(REFUSED, (monitor_id,))
            rows = await snapshot.rows(KEYS, (monitor_id,))
        found = [MetricKey(row["key"], row["last"], row["last_ms"]) for row in rows]
        return MetricKeys(found, refused["refused"] if refused else 0)

    async def points(self, monitor_id: int, key: str, span: Span) -> list[Point] | None:
        """What a key did, oldest first, without the steps in which there was nothing; None for an unknown key.

        It is read from the coarsest table of which a step is a whole multiple.

        Raises:
            Invalid: that is too much to read; names the field `step`.
        """
        dated, sql = _source(span.step_ms)
        try:
            async with snapshot_of(self._path, LONGEST_MS) as snapshot:
                key_id = await _key_id(snapshot, monitor_id, key)
                if key_id is None:
                    return None
                points: list[Point] = []
                for table in await _tables_in(snapshot, dated, span):
                    values = (key_id, span.step_ms, span.from_ms, span.until_ms)
                    for row in await snapshot.rows(sql.format(table=table), values):
                        _add(points, row)
        except Unavailable as error:
            if was_broken_off(error):
                raise Invalid(
                    "That takes too long; ask for whole minutes or hours, or for less.", "step"
                ) from error
            raise
        return points


def _source(step_ms: int) -> tuple[Dated, str]:
    if step_ms % 3_600_000 == 0:
        return HOURS, POINTS_OF_ROLLUPS
    if step_ms % 60_000 == 0:
        return MINUTES, POINTS_OF_ROLLUPS
    return SAMPLES, POINTS_OF_SAMPLES


async def _key_id(snapshot: Transaction, monitor_id: int, key: str) -> int | None:
    if not await tables(snapshot, "metric_keys"):
        return None
    row = await snapshot.row(KEY_ID, (monitor_id, key))
    return None if row is None else int(row["id"])


async def _tables_in(snapshot: Transaction, dated: Dated, span: Span) -> list[str]:
    first, last = dated.table(span.from_ms), dated.table(span.until_ms - 1)
    return [name for name in await tables(snapshot, f"{dated.prefix}_*") if first <= name <= last]


def _add(points: list[Point], row: Row) -> None:
    """Add a row; a step that began in the former day's table goes on."""
    total = row["total"]  # NULL when the sum of extremes is no number
    rollup = Rollup(
        row["low"],
        row["high"],
        0.0 if total is None else total,
        row["numbers"],
        row["count"],
        row["last"],
        row["last_ms"],
    )
    if points and points[-1].at_ms == row["slot"]:
        points[-1].rollup.fold(rollup)
    else:
        points.append(Point(row["slot"], rollup))
