"""Callers of the scripts that put, drop and look at monitors, find them by key, and put plans."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from store.live.packed_rules import pack_rules
from store.live.packing import KnownConfig, cut_states, pack_config, pack_ids, read_config
from store.live.shard import Shard
from store.projection import DropMonitor, PutMonitor, PutPlan

# As many as `look` takes: with full rules, some milliseconds.
MOST_AT_ONCE = 200


class Resolved(msgspec.Struct, frozen=True):
    """A monitor found by a ping key."""

    monitor_id: int
    shard: int
    config: KnownConfig


async def put_monitor(shard: Shard, put: PutMonitor) -> bool:
    """Carry a monitor's creation or change; False: a later version was carried before.

    Raises:
        Unavailable: Redis is away, or (for a creation) has no memory left.
    """
    keys = shard.keys
    digests = (*put.digests, *put.gone)
    name = "create_monitor" if put.config.version == 1 else "change_monitor"
    applied = await shard.call(
        name,
        (
            keys.config,
            keys.state,
            keys.deadlines,
            keys.blind,
            keys.tallies,
            keys.events,
            keys.tombstones,
            keys.named,
            keys.rules,
            keys.runs,
            keys.reminders,
            keys.broken,
            *map(keys.key_bucket, digests),
        ),
        put.config.id,
        pack_config(put.config),
        pack_rules(put.config.rules),
        pack_ids(put.channels),
        len(put.digests),
        *digests,
    )
    return bool(applied)


async def drop_monitor(shard: Shard, drop: DropMonitor) -> bool:
    """Forget a deleted monitor; False: that was carried before."""
    keys = shard.keys
    applied = await shard.call(
        "drop_monitor",
        (
            keys.config,
            keys.state,
            keys.deadlines,
            keys.tallies,
            keys.events,
            keys.tombstones,
            keys.broken,
            keys.named,
            keys.rules,
            keys.runs,
            keys.reminders,
            *map(keys.key_bucket, drop.digests),
        ),
        drop.monitor_id,
        drop.version,
        *drop.digests,
    )
    return bool(applied)


async def look(shard: Shard, monitor_ids: Sequence[int]) -> tuple[int, list[bytes]]:
    """Redis' time in ms, and the packed states of monitors in order; `read_state` reads them."""
    now_ms, states, keys = 0, b"", shard.keys
    for start in range(0, len(monitor_ids) or 1, MOST_AT_ONCE):
        ids = monitor_ids[start : start + MOST_AT_ONCE]
        now_ms, part = await shard.call(
            "look", (keys.state, keys.config, keys.blind, keys.rules, keys.runs), pack_ids(ids)
        )
        states += part
    return int(now_ms), cut_states(states)


async def resolve(shard: Shard, digests: Sequence[bytes]) -> list[Resolved | None]:
    """The monitors of this shard behind key digests, in order; None for an unknown one."""
    keys = shard.keys
    reply = await shard.call("resolve", (keys.config, *map(keys.key_bucket, digests)), *digests)
    found: list[Resolved | None] = []
    for monitor_id, blob in zip(reply[::2], reply[1::2], strict=True):
        config = read_config(blob) if blob is not None else None
        found.append(Resolved(int(monitor_id), keys.shard, config) if config else None)
    return found


async def put_plan(shard: Shard, put: PutPlan) -> bool:
    """Carry the limits of an organisation's plan; False: a later version was carried before."""
    return bool(await shard.call("put_plan", (shard.keys.plans,), *_limits(put)))


async def restore_plan(shard: Shard, put: PutPlan) -> None:
    """Put the limits of an organisation's plan back into an empty Redis."""
    await shard.call("restore_plan", (shard.keys.plans,), *_limits(put))


def _limits(put: PutPlan) -> tuple[int, int, int, int]:
    return put.org_id, put.version, put.min_interval_s, put.pings_per_minute
