"""Keeps Redis in step with the books: rebuilds it when it is empty, carries what the outbox still holds.

And the other way round: channels that dispatch may not call any more are disabled in the books.
"""

from __future__ import annotations

import asyncio
import logging

from store.book import channels, outbox
from store.book.database import ConfigBook
from store.book.history_reader import HistoryReader
from store.clock import wall_ms
from store.errors import OverdueError, Unavailable
from store.fault_points import reach
from store.live.connect import Refused
from store.live.live import Live
from store.live.rebuilding import Rebuilding
from store.presence import wait_or_stop
from store.rebuild import rebuild_if_empty

EVERY_S = 0.5
# A change that is younger is being carried by the API call that made it, and stays in the outbox after that: a Redis
# that crashes may come back without its last moments, and then gets it again. More than twice what it can lose.
KEPT_MS = 5_000
AT_ONCE = 500
# The rows of an import are large, and who changes something through the API waits for this transaction.
SETTLED_AT_ONCE = 32
LAST_MS = 2**63 - 1
_log = logging.getLogger(__name__)
Refusals = dict[int, tuple[int, int]]


async def keep_projected(live: Live, book: ConfigBook, history: HistoryReader, stop: asyncio.Event) -> None:
    """Look twice a second until stopped; every ingest may do so at once."""
    complaint, first = "", True
    refused: Refusals = {}
    while not stop.is_set():
        try:
            rebuilt = await rebuild_if_empty(live, book, history)
            await drain_outbox(live, book, everything=first or rebuilt)
            refused = await disable_channels(live, book, refused)
            complaint, first = "", False
        except Rebuilding as error:
            _log.debug("waiting: %s", error)
        except OverdueError as error:
            if str(error) != complaint:
                _log.warning("Redis is not in step with the books: %s", error)
            complaint = str(error)
        await wait_or_stop(stop, EVERY_S)


async def disable_channels(live: Live, book: ConfigBook, known: Refusals) -> Refusals:
    """Disable the channels whose receivers have asked for it since `known`; answers what is known now.

    Dispatch notes such a wish in Redis and heeds it there at once. In the books it lasts, and people can see it.
    """
    found = await live.refusals()
    for channel_id, (epoch, at_ms) in found.items():
        if known.get(channel_id) != (epoch, at_ms):
            change = await channels.disable(book, channel_id, epoch, at_ms, wall_ms())
            if change is not None:
                reach("channel.disabled")
                await live.project(change.projection)
    return found


async def drain_outbox(live: Live, book: ConfigBook, *, everything: bool) -> None:
    """Carry changes, the oldest first, and settle those that are old enough. Carrying one twice is harmless.

    `everything`: also those that are young. Redis may have been started again a moment ago.

    Raises:
        Unavailable: some could not be carried; the others were.
    """
    youngest_ms = wall_ms() - KEPT_MS
    until_ms = LAST_MS if everything else youngest_ms
    carried: list[int] = []
    waiting: list[str] = []
    async for row in outbox.due(book, until_ms, AT_ONCE, waiting.append):
        try:
            await live.project(row.projection)
            if row.created_ms <= youngest_ms:
                reach("outbox.projected")
                carried.append(row.id)
        except Refused as error:
            # It alone waits: changes carry versions, so that their order does not matter.
            waiting.append(f"the change of {row.subject} waits: {error}")
        except Unavailable as error:
            waiting.append(f"the change of {row.subject} and those after it wait: {error}")
            break
        if len(carried) == SETTLED_AT_ONCE:
            await outbox.settle(book, carried)
            carried.clear()
    await outbox.settle(book, carried)
    if waiting:
        raise Unavailable("; ".join(waiting))
