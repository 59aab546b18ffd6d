"""Callers of the scripts by which somebody tries a channel, and by which collections get the tags of their monitors."""

from __future__ import annotations

from collections.abc import Sequence

from store.live.channel_event import TrialEvent, pack_trial_event
from store.live.collected_event import encode_tags
from store.live.delivering import Lease
from store.live.packing import AnyEvent, read_event
from store.live.shard import Shard


async def try_channel(shard: Shard, event: TrialEvent) -> bool:
    """Tell one channel that somebody tries it; False: it is not there."""
    keys = shard.keys
    packed = pack_trial_event(event)
    return bool(await shard.call("try_channel", (keys.events, keys.channels), event.channel_id, packed))


async def tag_collection(
    shard: Shard, lease: Lease, tags: Sequence[tuple[str, int]] | None
) -> AnyEvent | None:
    """Note in a collection which tags its monitors have and how many of them (None: that is not known).

    Answers the event as it is told from now on; None: the lease is not ours any more.
    """
    keys = shard.keys
    event = await shard.call(
        "tag_collection",
        (keys.deliveries, keys.letters, keys.tallies),
        lease.delivery_id,
        lease.turn,
        encode_tags(tags),
    )
    return read_event(event) if event else None
