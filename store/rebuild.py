"""Puts an empty Redis in order again, from the books: configuration from config.db, what was true from history.db.

Until it is done, the generation key is missing, so every script refuses (503, never 404). The time since the last ping
that history knows counts as blind: nobody is declared down for what we cannot know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from store.book import installation, monitor_channels, monitors, orgs, plans
from store.book.channels import put_channels
from store.book.database import ConfigBook
from store.book.history_reader import HistoryReader, OpenIncident
from store.book.installation import draw_generation
from store.book.letter_reader import LetterReader
from store.clock import wall_ms
from store.errors import OverdueError
from store.fault_points import reach
from store.live import channels as live_channels
from store.live import monitors as live_monitors
from store.live.live import Live
from store.live.planting import AT_ONCE, Restored, restore_monitors
from store.live.rebuilding import RebuildLock, empty_shard, finish_rebuild
from store.monitor import MonitorConfig, MonitorState, Phase
from store.projection import PutMonitor
from store.rebuild_letters import restore_letters

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
    seen = await history.last_seen()
    heard_ms = max(seen.values(), default=None)
    opened = await history.open_incidents()
    for shard in live.shards:
        await empty_shard(shard)
    reach("rebuild.emptied")
    count = await _put_monitors(live, book, _Memory(seen, opened, heard_ms or 0))
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
    await finish_rebuild(live, heard_ms)
    _log.info("Redis is in order: %d monitors, %d deliveries", count, letters)


class _Memory(msgspec.Struct, frozen=True):
    """What history remembers: monitors' last pings, their open incidents, and the last ping of all."""

    seen: dict[int, int]
    opened: dict[int, OpenIncident]
    heard_ms: int

    @property
    def bases_ms(self) -> dict[int, int]:
        """From when each monitor's silence counts, as far as that is known."""
        return self.seen | {number: one.silence_ms for number, one in self.opened.items()}

    def state_of(self, config: MonitorConfig) -> MonitorState | None:
        """The state of a monitor as far as history knows; None: nothing, it is watched from now."""
        seen_ms, opened = self.seen.get(config.id), self.opened.get(config.id)
        if config.paused or (seen_ms is None and opened is None):
            return None
        base_ms = down_at_ms = 0
        if opened is not None:
            base_ms, down_at_ms = opened.silence_ms, opened.started_ms
        elif seen_ms is not None:
            # Not down when history ends, so its window reached beyond that: signs of life that are no history, an edit
            # or a resume had moved it. It must touch the blind time that follows, or it would be a false alarm.
            base_ms = max(seen_ms, self._least_base_ms(config, seen_ms))
        return MonitorState(
            phase=Phase.DOWN if opened is not None else Phase.ACTIVE,
            base_ms=base_ms,
            seen_ms=seen_ms or 0,
            recorded_ms=seen_ms or 0,
            down_at_ms=down_at_ms,
            delayed_ms=opened.delayed_ms if opened is not None else 0,
        )

    def _least_base_ms(self, config: MonitorConfig, seen_ms: int) -> int:
        """The earliest moment from which a deadline counts that lies beyond the history."""
        if not config.is_scheduled or config.rules is None:
            return self.heard_ms - config.limit_ms + 1
        ticks = [tick * 1000 for tick in config.rules.ticks if tick * 1000 > seen_ms]
        deciding = ticks[config.rules.failures - 1] if len(ticks) >= config.rules.failures else self.heard_ms
        return seen_ms if deciding + config.grace_s * 1000 > self.heard_ms else self.heard_ms


async def _put_monitors(live: Live, book: ConfigBook, memory: _Memory) -> int:
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


async def _put_page(live: Live, rows: Sequence[PutMonitor], memory: _Memory) -> None:
    for shard in live.shards:
        own = [
            Restored(row.config, row.digests, memory.state_of(row.config))
            for row in rows
            if live.home(row.config.id) is shard
        ]
        for at in range(0, len(own), AT_ONCE):
            await restore_monitors(shard, own[at : at + AT_ONCE])


async def _put_named(live: Live, book: ConfigBook) -> None:
    """Which channels monitors name."""
    after_id = 0
    while page := await monitor_channels.all_named(book, after_id, NAMED_AT_ONCE):
        for shard in live.shards:
            own = [one for one in page if live.home(one[0]) is shard]
            await live_channels.restore_named(shard, own)
        after_id = page[-1][0]
