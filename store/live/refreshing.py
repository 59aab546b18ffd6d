"""The caller of `refresh_rules.lua`: keeps ticks and quiet times ahead of the monitors that have any."""

from __future__ import annotations

from collections.abc import Sequence

from store.live.connect import Argument
from store.live.packed_rules import pack_rules
from store.live.shard import Shard
from store.monitor_rules import MonitorRules

# A call of so many with full rules takes Redis some milliseconds.
AT_ONCE = 32


async def refresh_rules(shard: Shard, monitors: Sequence[tuple[int, int, MonitorRules]]) -> int:
    """Give monitors of this shard new rules: id, the version of the configuration that they belong to, rules.

    Answers how many took them; one that has another version by now, or is gone, is left alone.

    Raises:
        Unavailable: Redis is away.
    """
    keys, refreshed = shard.keys, 0
    used = (
        keys.config,
        keys.state,
        keys.deadlines,
        keys.blind,
        keys.rules,
        keys.runs,
        keys.reminders,
    )
    for start in range(0, len(monitors), AT_ONCE):
        arguments: list[Argument] = []
        for monitor_id, version, rules in monitors[start : start + AT_ONCE]:
            arguments += (monitor_id, version, pack_rules(rules))
        refreshed += int(await shard.call("refresh_rules", used, *arguments))
    return refreshed
