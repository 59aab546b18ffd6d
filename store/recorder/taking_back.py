"""Takes a recorder's position back, where Redis came back without its last moments and by a clock that is behind.

Then new entries have ids that are not above the position, so nobody would read them. Before them stand those that the
loss has spared, which are in history.db. No id tells which is which, as a lost one may have been given again; but an
entry is in history.db with all of its rows or with none of them, so a row of it tells.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from store.book.history_writer import Position
from store.book.letter_writer import Move, NewDelivery
from store.book.recorded_before import RecordedBefore
from store.live.letters import LetterEntry
from store.live.streams import FIRST, PingEntry, StreamReader
from store.recorder.ledger import Ledger, Positions
from store.recorder.letters import changes_of
from store.recorder.rows import ping_rows

_log = logging.getLogger(__name__)
Entry = TypeVar("Entry", PingEntry, LetterEntry)


async def take_back(
    reader: StreamReader, ledger: Ledger, generation: str, shard: int, at: Positions
) -> Positions:
    """The positions from which on nothing is in history.db yet, as they are noted there now.

    Events are read again from their first one: what they write is there once, however often it is written.

    Raises:
        Unavailable: Redis or SQLite is away; then it has to be done again.
    """
    _log.warning("shard %d: Redis has lost its last moments, and its clock is behind", shard)
    async with ledger.lock:
        before = RecordedBefore(ledger.history)
        positions = Positions(
            await _last_recorded(reader.page_of_pings, at.pings, partial(_has_ping, before)),
            Position(),
            await _last_recorded(reader.page_of_letters, at.letters, partial(_has_letter, before, shard)),
        )
        dispatched = await reader.dispatched()
        await asyncio.to_thread(ledger.take_back, generation, shard, positions, dispatched)
    return positions


async def holds_others(reader: StreamReader, ledger: Ledger, shard: int) -> bool:
    """Whether entries that have the ids of the last ones that were read are others than these.

    Raises:
        Unavailable: SQLite is away.
    """
    pings, _, letters = reader.left
    if not pings and not letters:
        return False
    async with ledger.lock:
        before = RecordedBefore(ledger.history)
        return any(_has_ping(before, one) is False for one in pings) or any(
            _has_letter(before, shard, one) is False for one in letters
        )


async def _last_recorded(
    page: Callable[[str, str], Awaitable[Sequence[Entry]]],
    at: Position,
    is_recorded: Callable[[Entry], bool | None],
) -> Position:
    """The last of the entries that the loss has spared. One that leaves no trace says nothing, and may come twice."""
    found, after = Position(), FIRST
    while entries := await page(after, at.entry):
        for entry in entries:
            recorded = is_recorded(entry)
            if recorded:
                found = Position(entry.id, entry.appended_bytes)
            elif recorded is not None:
                return found
        after = entries[-1].id
        await asyncio.sleep(0)
    return found if found.entry != FIRST else _where_it_is(at, after)


def _where_it_is(at: Position, after: str) -> Position:
    """Where nothing is left up to the position, it is right as it is."""
    return at if after == FIRST else Position()


def _has_ping(before: RecordedBefore, entry: PingEntry) -> bool | None:
    rows = ping_rows([entry]).pings
    return before.is_ping(rows[0]) if rows else None


def _has_letter(before: RecordedBefore, shard: int, entry: LetterEntry) -> bool | None:
    for change in changes_of(entry):
        found = None
        if isinstance(change, NewDelivery):
            found = before.is_delivery(shard, change)
        elif isinstance(change, Move):
            found = before.is_attempt(shard, change)
        if found is not None:
            return found
    return None
