"""What monitors signalled lately that is not over: runs under way, failures since the last success. For a rebuild."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from sqlite3 import Row

import msgspec

from store.beat import Signal
from store.book.history_snapshot import snapshot_of
from store.book.signals import signals_beside

# A run that began before is not looked for.
MOST_DAYS = 8
PAGE = 10_000
# As many as the live side remembers.
MOST_RUNS, MOST_ENDED, MOST_FAILURES = 32, 4, 255
# More monitors than so many are looked over for what is finished.
KEPT_LEAST = 10_000
ENDED_LIFE_MS = 600_000

# What is no log, of a day, in the order in which it was recorded.
SIGNALLED = f"""
SELECT ping_id, of_monitor, signal, run, at_ms, outcome FROM {{signals}} JOIN {{pings}} ON id = ping_id
WHERE ping_id > ? AND signal <> {Signal.LOG.value} ORDER BY ping_id LIMIT ?
"""


class Unfinished(msgspec.Struct):
    """Of one monitor. `under_way` and `ended`: id of a run (empty: it has no name) to when it began, or ended;
    `failed_ms`: its failures since the last success that was a signal; `last_ms`: its last signal."""

    under_way: dict[bytes, int] = msgspec.field(default_factory=dict)
    ended: dict[bytes, int] = msgspec.field(default_factory=dict)
    failed_ms: list[int] = msgspec.field(default_factory=list)
    last_ms: int = 0


async def unfinished(path: Path) -> dict[int, Unfinished]:
    """Monitor id to what it signalled, told again as the live side heard it."""
    found: dict[int, Unfinished] = {}
    most = KEPT_LEAST
    async for row in _signalled(path):
        if len(found) > most:
            _drop_finished(found, row["at_ms"])
            most = max(KEPT_LEAST, 2 * len(found))
        if row["outcome"] != "recorded":
            # A pause forgets all of it.
            found.pop(row["of_monitor"], None)
            continue
        _hear(found.setdefault(row["of_monitor"], Unfinished()), row)
    return found


def _drop_finished(found: dict[int, Unfinished], now_ms: int) -> None:
    """Forget those of which nothing matters any more, as nearly all of a large fleet."""
    for monitor_id, one in list(found.items()):
        if not (one.under_way or one.failed_ms) and one.last_ms + ENDED_LIFE_MS < now_ms:
            del found[monitor_id]


async def _signalled(path: Path) -> AsyncIterator[Row]:
    async with snapshot_of(path) as snapshot:
        days = sorted((await signals_beside(snapshot)).items())[-MOST_DAYS:]
        for pings, signals in days:
            question, after_id = SIGNALLED.format(signals=signals, pings=pings), 0
            while rows := await snapshot.rows(question, (after_id, PAGE)):
                for row in rows:
                    yield row
                after_id = rows[-1]["ping_id"]


def _hear(one: Unfinished, row: Row) -> None:
    run, at_ms = row["run"] or b"", row["at_ms"]
    one.last_ms = max(one.last_ms, at_ms)
    if row["signal"] == Signal.START:
        if at_ms - one.ended.get(run, -ENDED_LIFE_MS - 1) > ENDED_LIFE_MS:
            one.under_way.setdefault(run, at_ms)
            if len(one.under_way) > MOST_RUNS:
                del one.under_way[next(iter(one.under_way))]
        return
    one.under_way.pop(run, None)
    if run:
        one.ended[run] = at_ms
        if len(one.ended) > MOST_ENDED:
            del one.ended[next(iter(one.ended))]
    if row["signal"] == Signal.SUCCESS:
        one.failed_ms.clear()
    else:
        one.failed_ms = [*one.failed_ms[1 - MOST_FAILURES :], at_ms]
