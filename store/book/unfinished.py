"""What monitors signalled lately that is not over: runs under way, failures since the last success. For a rebuild."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from store.beat import Signal
from store.book.database import BUSY_TIMEOUT_S, translated
from store.book.signals import SIGNALS

# A run that began before is not looked for. So many signals take some ten seconds.
MOST_DAYS = 8
MOST_SIGNALS = 5_000_000
# As many as the live side remembers.
MOST_RUNS, MOST_ENDED, MOST_FAILURES = 32, 4, 255
# More monitors than so many are looked over for what is finished.
KEPT_LEAST = 10_000
ENDED_LIFE_MS = 600_000
_SUCCESS, _START = Signal.SUCCESS.value, Signal.START.value

# Days on which not all pings were plain, newest first.
DAYS = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ? ORDER BY name DESC LIMIT ?"

COUNT = "SELECT count(*) FROM {signals}"

# The signals of a day but for its first ones, in the order in which they were recorded.
SIGNALLED = f"""
SELECT of_monitor, signal, coalesce(run, x''), at_ms, outcome = 'recorded'
FROM {{signals}} CROSS JOIN {{pings}} ON id = ping_id
WHERE ping_id >= (SELECT ping_id FROM {{signals}} ORDER BY ping_id LIMIT 1 OFFSET ?) AND signal <> {Signal.LOG.value}
ORDER BY ping_id
"""

# Monitor, signal, run (empty: it has no name), moment, and whether it was recorded, not answered for a paused monitor.
Signalled = tuple[int, int, bytes, int, bool]


class Unfinished(msgspec.Struct):
    """Of one monitor. `under_way` and `ended`: id of a run (empty: it has no name) to when it began, or ended;
    `failed_ms`: its failures since the last success that was a signal; `last_ms`: its last signal."""

    under_way: dict[bytes, int] = msgspec.field(default_factory=dict)
    ended: dict[bytes, int] = msgspec.field(default_factory=dict)
    failed_ms: list[int] = msgspec.field(default_factory=list)
    last_ms: int = 0


async def unfinished(path: Path) -> dict[int, Unfinished]:
    """Monitor id to what it signalled, told again as the live side heard it.

    Raises:
        Unavailable: history.db cannot be read now.
    """
    return await asyncio.to_thread(_tell_again, path)


def _tell_again(path: Path) -> dict[int, Unfinished]:
    found: dict[int, Unfinished] = {}
    if not path.exists():
        return found
    most = KEPT_LEAST
    for monitor_id, signal, run, at_ms, is_recorded in _signalled(path):
        if not is_recorded:
            # A pause forgets all of it.
            found.pop(monitor_id, None)
            continue
        one = found.get(monitor_id)
        if one is None:
            one = found[monitor_id] = Unfinished()
            if len(found) > most:
                _drop_finished(found, at_ms)
                most = max(KEPT_LEAST, 2 * len(found))
        _hear(one, signal, run, at_ms)
    return found


def _signalled(path: Path) -> Iterator[Signalled]:
    address = f"{path.absolute().as_uri()}?mode=ro"
    with (
        translated(),
        closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as history,
    ):
        history.execute("BEGIN")
        for signals, first in _days(history):
            pings = f"pings_{signals.partition('_')[2]}"
            yield from history.execute(SIGNALLED.format(signals=signals, pings=pings), (first,))


def _days(history: sqlite3.Connection) -> list[tuple[str, int]]:
    """The tables of signals, oldest first, and how many of each are too long ago."""
    days: list[tuple[str, int]] = []
    room = MOST_SIGNALS
    for (signals,) in history.execute(DAYS, (f"{SIGNALS.prefix}_[0-9]*", MOST_DAYS)).fetchall():
        (count,) = history.execute(COUNT.format(signals=signals)).fetchone()
        if room > 0:
            days.append((signals, max(0, count - room)))
        room -= count
    return days[::-1]


def _drop_finished(found: dict[int, Unfinished], now_ms: int) -> None:
    """Forget those of which nothing matters any more, as nearly all of a large fleet."""
    for monitor_id, one in list(found.items()):
        if one.last_ms + ENDED_LIFE_MS < now_ms and not (one.under_way or one.failed_ms):
            del found[monitor_id]


def _hear(one: Unfinished, signal: int, run: bytes, at_ms: int) -> None:
    if at_ms > one.last_ms:
        one.last_ms = at_ms
    if signal == _START:
        if run not in one.ended or at_ms - one.ended[run] > ENDED_LIFE_MS:
            one.under_way.setdefault(run, at_ms)
            if len(one.under_way) > MOST_RUNS:
                del one.under_way[next(iter(one.under_way))]
        return
    one.under_way.pop(run, None)
    if run:
        one.ended[run] = at_ms
        if len(one.ended) > MOST_ENDED:
            del one.ended[next(iter(one.ended))]
    if signal != _SUCCESS:
        one.failed_ms = [*one.failed_ms[1 - MOST_FAILURES :], at_ms]
    elif one.failed_ms:
        one.failed_ms = []
