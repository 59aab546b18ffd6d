"""Caller of the script that writes into deliveries what their monitors sent last."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from store import last_ping
from store.last_ping import LastPing
from store.live.delivering import Lease
from store.live.shard import Shard


async def note_last_pings(shard: Shard, found: Sequence[tuple[Lease, LastPing | None]]) -> list[Lease | None]:
    """Note in deliveries what their monitors sent last (None: that is not known), for all attempts.

    Answers the leases as they are told from now on; None for one that is not ours any more.
    """
    keys = shard.keys
    arguments = [
        part for one, ping in found for part in (one.delivery_id, one.attempt, last_ping.encode(ping))
    ]
    ours = await shard.call("note_last_ping", (keys.deliveries, keys.letters, keys.tallies), *arguments)
    return [
        msgspec.structs.replace(one, last_ping=ping, is_noted=True) if is_ours else None
        for (one, ping), is_ours in zip(found, ours, strict=True)
    ]
