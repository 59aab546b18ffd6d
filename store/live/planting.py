"""Callers of the scripts that put many monitors into Redis at once: an import, and a rebuild."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from store.live.connect import Argument
from store.live.packed_rules import pack_rules
from store.live.packed_runs import RememberedRuns, pack_runs
from store.live.packing import pack_config, pack_state
from store.live.shard import Shard
from store.monitor import MonitorConfig, MonitorState, Phase
from store.projection import PutMonitor

# A call of so many takes Redis a few milliseconds, if they have no runs under way; so do fewer of which each has many.
AT_ONCE = 256
RUNS_LIKE_ONE = 2


class Restored(msgspec.Struct, frozen=True):
    """A monitor as it goes back into an empty Redis; `state` is what history remembers, None: watch it from now."""

    config: MonitorConfig
    digests: tuple[bytes, ...]
    state: MonitorState | None
    runs: RememberedRuns = RememberedRuns()


async def create_monitors(shard: Shard, monitors: Sequence[PutMonitor]) -> int:
    """Carry the creation of monitors of this shard, AT_ONCE at most; answers how many were not there yet.

    Raises:
        Unavailable: Redis is away, or has no memory left.
    """
    keys = shard.keys
    buckets, pairs = _digests(shard, ((one.config.id, one.digests) for one in monitors))
    return int(
        await shard.call(
            "create_monitors",
            (
                keys.config,
                keys.state,
                keys.deadlines,
                keys.tallies,
                keys.tombstones,
                keys.rules,
                keys.reminders,
                *buckets,
            ),
            len(monitors),
            *(one.config.id for one in monitors),
            *(pack_config(one.config) for one in monitors),
            *(pack_rules(one.config.rules) for one in monitors),
            *pairs,
        )
    )


async def restore_monitors(
    shard: Shard, monitors: Sequence[Restored], known_ms: int = 0, heard_ms: int | None = None
) -> None:
    """Put monitors of this shard back into an empty Redis, some at a time.

    A run that was to be over by `known_ms` is not judged again: that it overran was told, or let go. One that may go
    on beyond `heard_ms`, up to which it is known what was heard (None: to the end), may have ended, and is let go.
    """
    for some in in_calls(monitors):
        await _restore(shard, some, known_ms, heard_ms)


def in_calls(monitors: Sequence[Restored]) -> Iterator[Sequence[Restored]]:
    """These monitors, in order, as many at a time as one call may take."""
    first = weight = 0
    for at, one in enumerate(monitors):
        own = 1 + len(one.runs.under_way) // RUNS_LIKE_ONE
        if weight and weight + own > AT_ONCE:
            yield monitors[first:at]
            first, weight = at, 0
        weight += own
    if weight:
        yield monitors[first:]


async def _restore(shard: Shard, monitors: Sequence[Restored], known_ms: int, heard_ms: int | None) -> None:
    keys = shard.keys
    buckets, pairs = _digests(shard, ((one.config.id, one.digests) for one in monitors))
    await shard.caller.call(
        "restore_monitors",
        (
            keys.config,
            keys.state,
            keys.deadlines,
            keys.tallies,
            keys.rules,
            keys.reminders,
            keys.runs,
            *buckets,
        ),
        (
            len(monitors),
            known_ms,
            "" if heard_ms is None else heard_ms,
            *(one.config.id for one in monitors),
            *(pack_config(one.config) for one in monitors),
            *(pack_state(one.state or _fresh(one.config)) for one in monitors),
            *(pack_rules(one.config.rules) for one in monitors),
            *(pack_runs(one.runs) for one in monitors),
            *pairs,
        ),
    )


def _digests(shard: Shard, owned: Iterable[tuple[int, Sequence[bytes]]]) -> tuple[list[str], list[Argument]]:
    """The bucket of each digest, and monitor id and digest in turn."""
    buckets: list[str] = []
    pairs: list[Argument] = []
    for monitor_id, digests in owned:
        for digest in digests:
            buckets.append(shard.keys.key_bucket(digest))
            pairs += (monitor_id, digest)
    return buckets, pairs


def _fresh(config: MonitorConfig) -> MonitorState:
    phase = Phase.PAUSED if config.paused else Phase.ACTIVE
    return MonitorState(phase=phase, base_ms=0, seen_ms=0, recorded_ms=0, down_at_ms=0)
