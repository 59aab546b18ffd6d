"""Puts an empty Redis in order again, from the books: configuration from config.db, what was true from history.db.

Until it is done, the generation key is missing, so every script refuses (503, never 404). The time since the last ping
that history knows counts as blind: nobody is declared down for what we cannot know.
"""

from __future__ import annotations

import logging

from store.book import installation, monitors, orgs, plans
from store.book.channels import put_channels
from store.book.database import ConfigBook
from store.book.history_reader import HistoryReader, OpenIncident
from store.book.installation import draw_generation
from store.book.monitors import MonitorRow
from store.errors import OverdueError
from store.live import monitors as live_monitors
from store.live.keys import shard_of
from store.live.live import Live
from store.live.rebuilding import begin_rebuild, empty_shard, finish_rebuild
from store.monitor import MonitorState, Phase

PAGE = 500
_log = logging.getLogger(__name__)


class WrongInstallation(OverdueError):
    """Redis holds an installation that these books know nothing of."""


async def rebuild_if_empty(live: Live, book: ConfigBook, history: HistoryReader) -> bool:
    """Rebuild Redis if it holds no installation; True if that was done here, False if all is well.

    1. Look: ours is there, nothing to do; another one is there: refuse. 2. Take the lock; whoever has it does the work.
    3. Draw a new generation, so that nobody takes the new streams for the old ones. 4. Empty what is left of an earlier
    attempt, put everything back. 5. The generation goes into config.db, then, last of all, into Redis.

    Raises:
        Unavailable: Redis or a database is away, or another process is rebuilding.
        WrongInstallation: Redis belongs to somebody else.
    """
    known = await installation.generation(book)
    live.generation.value = known
    held = [await live.generation_of(shard) for shard in live.shards]
    if all(one == known for one in held):
        return False
    if any(one is not None and one != known for one in held):
        raise WrongInstallation(
            "Redis holds another installation than the one in OVERDUE_DATA; "
            "name another server in OVERDUE_REDIS_URL, or empty this one"
        )
    await begin_rebuild(live)
    _log.warning("Redis holds no installation: putting it in order from the books")
    generation = draw_generation()
    for shard in live.shards:
        await empty_shard(live, shard)
    seen = await history.last_seen()
    count = await _put_monitors(live, book, seen, await history.open_incidents())
    for org in await orgs.all_orgs(book):
        channels, plan = await put_channels(book, org.id), await plans.put_plan(book, org.id)
        for shard in live.shards:
            await live_monitors.restore_channels(shard, channels)
            await live_monitors.restore_plan(shard, plan)
    await installation.set_generation(book, generation)
    live.generation.value = generation
    await finish_rebuild(live, max(seen.values(), default=None))
    _log.info("Redis is in order: %d monitors", count)
    return True


async def _put_monitors(
    live: Live, book: ConfigBook, seen: dict[int, int], opened: dict[int, OpenIncident]
) -> int:
    count, after_id = 0, 0
    while rows := await monitors.all_monitors(book, after_id, PAGE):
        for row in rows:
            shard = live.shards[shard_of(row.config.id, len(live.shards))]
            state = _state_of(row, seen.get(row.config.id), opened.get(row.config.id))
            await live_monitors.restore_monitor(shard, row.config, row.digests, state)
        count, after_id = count + len(rows), rows[-1].config.id
    return count


def _state_of(row: MonitorRow, seen_ms: int | None, opened: OpenIncident | None) -> MonitorState | None:
    """What history remembers of a monitor; None: nothing, it is watched from now."""
    if row.config.paused:
        return None
    if opened is not None:
        return MonitorState(
            phase=Phase.DOWN,
            base_ms=opened.silence_ms,
            seen_ms=seen_ms or 0,
            recorded_ms=seen_ms or 0,
            down_at_ms=opened.started_ms,
        )
    if seen_ms is None:
        return None
    return MonitorState(
        phase=Phase.ACTIVE, base_ms=seen_ms, seen_ms=seen_ms, recorded_ms=seen_ms, down_at_ms=0
    )
