"""Callers of the scripts by which Redis is held against the books, and put right where nobody else would do that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from redis.exceptions import RedisError

from store.live.connect import translate
from store.live.event_kind import Cause
from store.live.live import Live
from store.live.shard import Shard

PAGE = 1000
STATUSES = ("new", "up", "down", "paused")


class StatusCounts(msgspec.Struct, frozen=True):
    """How many monitors there are, and how many the tallies say there are, in the order of STATUSES."""

    counted: tuple[int, ...]
    tallied: tuple[int, ...]


async def count_statuses(shard: Shard) -> StatusCounts:
    """Count all monitors of a shard, page by page; the tallies are those of the last page's moment."""
    counted = [0] * len(STATUSES)
    cursor, tallied = 0, (0,) * len(STATUSES)
    while True:
        reply = await shard.call("count_statuses", (shard.keys.state, shard.keys.tallies), cursor, PAGE)
        cursor = int(reply[0])
        counted = [one + more for one, more in zip(counted, reply[1:5], strict=True)]
        tallied = tuple(reply[5:9])
        if not cursor:
            return StatusCounts(tuple(counted), tallied)


async def correct_tally(live: Live, shard: Shard, status: str, by: int) -> None:
    """Add so much to what the tallies say of a status."""
    client: Any = live.client
    try:
        await client.hincrby(shard.keys.tallies, status, by)
    except (RedisError, OSError) as error:
        raise translate(error) from error


async def drop_strangers(shard: Shard, org_ids: Collection[int], channel_ids: Collection[int]) -> None:
    """Forget organisations and channels that the books do not have."""
    keys = shard.keys
    used = (
        keys.orgs,
        keys.plans,
        keys.used,
        keys.channels,
        keys.manners,
        keys.disabled,
        keys.bursts,
        keys.failing,
        keys.newcomers,
    )
    await shard.call("drop_strangers", used, len(org_ids), *org_ids, *channel_ids)


async def log_again(shard: Shard, delivery_ids: Sequence[str]) -> int:
    """Write these into the log of deliveries once more; how many of them are there."""
    keys = shard.keys
    used = (keys.deliveries, keys.due, keys.dead, keys.letters, keys.tallies)
    return int(await shard.call("log_again", used, *delivery_ids))


async def mend_causes(shard: Shard, causes: Sequence[tuple[int, int, Cause]]) -> int:
    """Let Redis know why monitors are down: id, since when they are silent, cause; answers how many took it."""
    keys = shard.keys
    used = (keys.config, keys.state, keys.rules, keys.runs, keys.reminders, keys.deadlines, keys.blind)
    arguments = [part for one, silence_ms, cause in causes for part in (one, silence_ms, int(cause))]
    return int(await shard.call("mend_causes", used, *arguments))
