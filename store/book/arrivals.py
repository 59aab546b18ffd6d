"""When the pings of a monitor arrived, read from history.db for the arithmetic of lateness. It never writes."""

from __future__ import annotations

import asyncio
from itertools import chain
from pathlib import Path

import msgspec

from store.book.database import Transaction
from store.book.history_reader import DAY_TABLES
from store.book.history_snapshot import snapshot_of, tables, was_broken_off
from store.book.history_writer import PINGS
from store.book.ping_questions import IN_LANE
from store.book.signals import is_life, signals_beside
from store.errors import Invalid, Unavailable

LONGEST_MS = 5_000

# A monitor's pings (?1) of a day from ?2 until before ?3, as one text: a row each would cost ten times as much, and
# each would stop the other threads. The index of the table holds all that is asked for.
ARRIVALS = """
SELECT json_group_array(at_ms) AS arrivals
FROM (SELECT at_ms FROM {table} WHERE {lane} AND at_ms >= ?2 AND at_ms < ?3 {is_life} ORDER BY id)
"""

# The last one of a day before a moment.
LAST_BEFORE = "SELECT at_ms FROM {table} WHERE {lane} AND at_ms < ?2 {is_life} ORDER BY id DESC LIMIT 1"

_ARRIVALS = msgspec.json.Decoder(list[int])


class Arrivals(msgspec.Struct, frozen=True):
    """Moments of pings in ms, oldest first, and of the one before them, if there is one."""

    at_ms: list[int]
    before_ms: int | None


async def arrivals(path: Path, monitor_id: int, from_ms: int, until_ms: int) -> Arrivals:
    """The kept signs of life of a monitor from a moment until before another, whatever their outcome.

    Raises:
        Invalid: that is too much to read; names the field `from`.
    """
    texts: list[bytes] = []
    first, last = PINGS.table(from_ms), PINGS.table(until_ms - 1)
    try:
        async with snapshot_of(path, LONGEST_MS) as snapshot:
            signals = await signals_beside(snapshot)
            days = [(day, signals.get(day)) for day in await tables(snapshot, DAY_TABLES)]
            for table, said in days:
                if first <= table <= last:
                    question = ARRIVALS.format(table=table, lane=IN_LANE, is_life=is_life(said))
                    row = await snapshot.row(question, (monitor_id, from_ms, until_ms))
                    texts.append(row["arrivals"].encode() if row else b"[]")
            earlier = [(table, said) for table, said in days if table <= first]
            before_ms = await _last_before(snapshot, earlier, monitor_id, from_ms)
    except Unavailable as error:
        if was_broken_off(error):
            raise Invalid("That takes too long; ask for less time.", "from") from error
        raise
    return Arrivals(await asyncio.to_thread(_in_order, texts), before_ms)


async def _last_before(
    snapshot: Transaction, days: list[tuple[str, str | None]], monitor_id: int, at_ms: int
) -> int | None:
    for table, said in reversed(days):
        question = LAST_BEFORE.format(table=table, lane=IN_LANE, is_life=is_life(said))
        row = await snapshot.row(question, (monitor_id, at_ms))
        if row is not None:
            return int(row["at_ms"])
    return None


def _in_order(texts: list[bytes]) -> list[int]:
    """Two batches may lie in the other order than their pings came."""
    return sorted(chain.from_iterable(map(_ARRIVALS.decode, texts)))
