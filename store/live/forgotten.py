"""Caller of the script that tells of incidents which Redis has forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from store.live.event_types import CAUSES
from store.live.shard import Shard
from store.silence import Silence


class Fate(IntEnum):
    """What has become of an incident that the history has open."""

    LASTS = 0
    TOLD = 1
    OVER = 2


async def tell_forgotten(shard: Shard, read_up_to: str, incidents: Sequence[Silence]) -> list[Fate]:
    """Their fates, in order; none while there are very many events that the history has not read."""
    keys = shard.keys
    arguments = [
        part
        for one in incidents
        for part in (one.monitor_id, one.silence_ms, one.started_ms, one.delayed_ms, int(CAUSES[one.kind]))
    ]
    used = (keys.events, keys.config, keys.state, keys.rules, keys.runs)
    fates = await shard.call("tell_forgotten", used, read_up_to, *arguments)
    return [Fate(byte) for byte in fates]
