"""The runs of a monitor, read from what its pings signalled: which are under way, and how the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from sqlite3 import Row
from uuid import UUID

import msgspec

from store.beat import Signal
from store.book.history_snapshot import snapshot_of
from store.book.signals import LANES, signals_beside

# So far is looked back, whatever comes first. A run that began before is not seen any more.
MOST_SIGNALS = 200
MOST_DAYS = 8

# Starts and ends of a monitor (?1) on a day, newest first.
STARTS_AND_ENDS = f"""
SELECT signal, run, exit_code, duration_ms, at_ms
FROM {{signals}} JOIN {{pings}} ON id = ping_id
WHERE of_monitor % {LANES} = ?1 % {LANES} AND +of_monitor = ?1 AND signal <> {Signal.LOG.value} AND outcome = 'recorded'
ORDER BY ping_id DESC LIMIT ?2
"""


class UnderWay(msgspec.Struct, frozen=True):
    """A run that has begun and not ended; `run` is None for the one without a name."""

    run: UUID | None
    started_ms: int


class Ended(msgspec.Struct, frozen=True):
    """The run that ended last, with the time that it took."""

    at_ms: int
    duration_ms: int
    is_good: bool
    exit_code: int | None


class Runs(msgspec.Struct, frozen=True):
    """Those under way, oldest first, and the last end that is known."""

    under_way: list[UnderWay]
    last: Ended | None


async def runs(path: Path, monitor_id: int) -> Runs:
    """The runs of a monitor, as far as they can be seen from today."""
    found: list[Row] = []
    async with snapshot_of(path) as snapshot:
        days = sorted((await signals_beside(snapshot)).items(), reverse=True)[:MOST_DAYS]
        for pings, signals in days:
            question = STARTS_AND_ENDS.format(signals=signals, pings=pings)
            found += await snapshot.rows(question, (monitor_id, MOST_SIGNALS - len(found)))
            if len(found) == MOST_SIGNALS:
                break
    return _put_together(found)


def _put_together(newest_first: Sequence[Row]) -> Runs:
    """A run's first start counts, and a start that comes behind the end of its run is none; but the run without a
    name begins anew with the first start after its end."""
    started: dict[bytes, int] = {}
    ended: set[bytes] = set()
    last = None
    for row in newest_first:
        run = row["run"] or b""
        if row["signal"] != Signal.START:
            ended.add(run)
            last = last or _ended(row)
        elif run not in ended:
            started[run] = row["at_ms"]
    under_way = [(at_ms, run) for run, at_ms in started.items() if not run or run not in ended]
    return Runs([UnderWay(UUID(bytes=run) if run else None, at_ms) for at_ms, run in sorted(under_way)], last)


def _ended(row: Row) -> Ended | None:
    if row["duration_ms"] is None:
        return None
    return Ended(row["at_ms"], row["duration_ms"], row["signal"] == Signal.SUCCESS, row["exit_code"])
