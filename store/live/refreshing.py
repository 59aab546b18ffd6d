"""The caller of `refresh_rules.lua` and `note_kept.lua`: keeps ticks and quiet times ahead, and notes how far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import IntEnum
from typing import Any

from redis.exceptions import RedisError

from store.live.connect import Argument, translate
from store.live.live import Live
from store.live.packed_rules import pack_rules
from store.live.shard import Shard
from store.monitor_rules import MonitorRules

# A call of so many with full rules and many runs takes Redis some milliseconds.
AT_ONCE = 16
SCANNED = 200


class Taken(IntEnum):
    """Whether a monitor took its rules. One that is not there, or has another version, is left alone."""

    GONE = 0
    TAKEN = 1
    OTHER_VERSION = 2


async def refresh_rules(shard: Shard, monitors: Sequence[tuple[int, int, MonitorRules]]) -> list[Taken]:
    """Give monitors of this shard new rules: id, the version of the configuration that they belong to, rules.

    Answers in order which of them took theirs.

    Raises:
        Unavailable: Redis is away.
    """
    keys, taken = shard.keys, bytearray()
    used = (
        keys.config,
        keys.state,
        keys.deadlines,
        keys.blind,
        keys.rules,
        keys.runs,
        keys.reminders,
        keys.broken,
    )
    for start in range(0, len(monitors), AT_ONCE):
        arguments: list[Argument] = []
        for monitor_id, version, rules in monitors[start : start + AT_ONCE]:
            arguments += (monitor_id, version, pack_rules(rules))
        taken += await shard.call("refresh_rules", used, *arguments)
    return [Taken(byte) for byte in taken]


async def monitors_with_rules(live: Live) -> AsyncIterator[list[int]]:
    """The monitors that have rules in Redis, some at a time; one may come twice.

    Raises:
        Unavailable: Redis is away.
    """
    client: Any = live.client
    for shard in live.shards:
        cursor = -1
        while cursor:
            try:
                cursor, found = await client.hscan(shard.keys.rules, max(0, cursor), count=SCANNED)
            except (RedisError, OSError) as error:
                raise translate(error) from error
            yield [int(monitor_id) for monitor_id in found]


async def kept_change(live: Live) -> int:
    """The last change of rules in the books that the keeper has seen to; 0: none is known of."""
    client: Any = live.client
    try:
        return int(await client.get(live.shards[0].keys.kept) or 0)
    except (RedisError, OSError) as error:
        raise translate(error) from error


async def note_kept_change(live: Live, change_id: int) -> None:
    """The keeper has seen to all changes up to this one."""
    shard = live.shards[0]
    await shard.call("note_kept", (shard.keys.kept,), change_id)
