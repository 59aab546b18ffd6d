"""Caller of the script that tells of incidents which Redis has forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from store.live.event_types import CAUSES
from store.live.shard import Shard
from store.silence import Silence

# Runs make a monitor dear to look at.
AT_ONCE = 80


class Fate(IntEnum):
    """What has become of an incident that the history has open."""

    LASTS = 0
    TOLD = 1
    OVER = 2


async def tell_forgotten(shard: Shard, read_up_to: str, incidents: Sequence[Silence]) -> list[Fate]:
    """Their fates, in order; fewer, or none, when there are very many events that the history has not read."""
    keys = shard.keys
    used = (keys.events, keys.config, keys.state, keys.rules, keys.runs)
    fates: list[Fate] = []
    for start in range(0, len(incidents), AT_ONCE):
        some = incidents[start : start + AT_ONCE]
        arguments = [
            part
            for one in some
            for part in (
                one.monitor_id,
                one.silence_ms,
                one.started_ms,
                one.delayed_ms,
                int(CAUSES[one.kind]),
            )
        ]
        found = await shard.call("tell_forgotten", used, read_up_to, *arguments)
        fates += map(Fate, found)
        if len(found) < len(some):
            break
    return fates
