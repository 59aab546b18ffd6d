"""Puts an empty Redis in order again, from the books: configuration from config.db, what was true from history.db.

Until it is done, the generation key is missing, so every script refuses (503, never 404). The time since the last ping
that history knows counts as blind: nobody is declared down for what we cannot know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from store.book import installation, monitor_channels, monitors, orgs, plans
from store.book.channels import put_channels
from store.book.database import ConfigBook
from store.book.history_reader import HistoryReader
from store.book.installation import draw_generation
from store.book.letter_reader import LetterReader
from store.clock import wall_ms
from store.errors import OverdueError
from store.fault_points import reach
from store.live import channels as live_channels
from store.live import monitors as live_monitors
from store.live.live import Live
from store.live.planting import Restored, restore_monitors
from store.live.rebuilding import RebuildLock, empty_shard, finish_rebuild
from store.projection import PutMonitor
from store.rebuild_letters import restore_letters
from store.rebuild_memory import Memory, remember

PAGE = 2048
NAMED_AT_ONCE = 500
_log = logging.getLogger(__name__)


class WrongInstallation(OverdueError):
    """Redis holds an installation that these books know nothing of."""


async def rebuild_if_empty(live: Live, book: ConfigBook, history: HistoryReader) -> bool:
    """Rebuild Redis if it holds no installation; True if that was done here, False if all is well.

    1. Look: ours is there, nothing to do; another one is there: refuse. 2. Take the lock, and look again: whoever had
    it may have done the work. 3. Draw a new generation, so that nobody takes the new streams for the old ones. 4. Empty
    what is left of an earlier attempt, put everything back. 5. The generation goes into config.db, then, last of all,
    into Redis.

    Raises:
        Unavailable: Redis or a database is away, or another process is rebuilding.
        WrongInstallation: Redis belongs to somebody else.
    """
    if await _holds_ours(live, book):
        return False
    async with RebuildLock(live) as lock:
        if await _holds_ours(live, book):
            return False
        await _rebuild(lock.live, book, history, lock)
    return True


async def _holds_ours(live: Live, book: ConfigBook) -> bool:
    """Whether Redis holds the installation of these books, in all shards; from now on it is the one we believe in."""
    held = [await live.generation_of(shard) for shard in live.shards]
    # Read after Redis, because a rebuild writes it before Redis: or its end could look like another installation.
    known = await installation.generation(book)
    live.generation.value = known
    if any(one is not None and one != known for one in held):
        raise WrongInstallation(
            "Redis holds another installation than the one in OVERDUE_DATA; "
            "name another server in OVERDUE_REDIS_URL, or empty this one"
        )
    return all(one == known for one in held)


async def _rebuild(live: Live, book: ConfigBook, history: HistoryReader, lock: RebuildLock) -> None:
    if await monitors.all_for_redis(book, 0, 1, wall_ms()):
        _log.warning("Redis holds no installation: putting it in order from the books")
    else:
        _log.info("preparing Redis")
    former, generation = live.generation.value, draw_generation()
    memory = await remember(history)
    for shard in live.shards:
        await empty_shard(shard)
    reach("rebuild.emptied")
    count = await _put_monitors(live, book, memory)
    reach("rebuild.planted")
    for org in await orgs.all_orgs(book):
        channels, plan = await put_channels(book, org.id), await plans.put_plan(book, org.id)
        for shard in live.shards:
            await live_channels.restore_channels(shard, channels)
            await live_monitors.restore_plan(shard, plan)
    await _put_named(live, book)
    # After the incidents were read: what became of one since then is told twice at the worst, and never not at all.
    letters = await restore_letters(live, LetterReader(history.path))
    reach("rebuild.restored")
    await lock.check()
    await installation.replace_generation(book, former, generation)
    reach("rebuild.noted")
    live.generation.value = generation
    await finish_rebuild(live, memory.heard_ms)
    _log.info("Redis is in order: %d monitors, %d deliveries", count, letters)


async def _put_monitors(live: Live, book: ConfigBook, memory: Memory) -> int:
    """Page after page; while Redis takes one, SQLite reads the next."""
    count, bases_ms = 0, memory.bases_ms
    rows = await monitors.all_for_redis(book, 0, PAGE, wall_ms(), bases_ms)
    while rows:
        putting = asyncio.create_task(_put_page(live, rows, memory))
        count += len(rows)
        try:
            rows = await monitors.all_for_redis(book, rows[-1].config.id, PAGE, wall_ms(), bases_ms)
        finally:
            await putting
    return count


async def _put_page(live: Live, rows: Sequence[PutMonitor], memory: Memory) -> None:
    for shard in live.shards:
        own = [
            Restored(row.config, row.digests, memory.state_of(row.config), memory.runs_of(row.config))
            for row in rows
            if live.home(row.config.id) is shard
        ]
        await restore_monitors(shard, own, memory.judged_ms, memory.heard_ms or 0)


async def _put_named(live: Live, book: ConfigBook) -> None:
    """Which channels monitors name."""
    after_id = 0
    while page := await monitor_channels.all_named(book, after_id, NAMED_AT_ONCE):
        for shard in live.shards:
            own = [one for one in page if live.home(one[0]) is shard]
            await live_channels.restore_named(shard, own)
        after_id = page[-1][0]
