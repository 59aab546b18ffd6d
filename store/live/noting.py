"""Caller of the script that writes into deliveries what their monitors sent last, and what else is to be told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from store import last_ping
from store.last_ping import Noted
from store.live.delivering import Lease
from store.live.shard import Shard


async def note_last_pings(shard: Shard, found: Sequence[tuple[Lease, Noted]]) -> list[Lease | None]:
    """Note in deliveries what their monitors sent last, for all attempts.

    Answers the leases as they are told from now on; None for one that is not ours any more.
    """
    keys = shard.keys
    arguments = [
        part for one, noted in found for part in (one.delivery_id, one.turn, last_ping.encode(noted))
    ]
    ours = await shard.call("note_last_ping", (keys.deliveries, keys.letters, keys.tallies), *arguments)
    return [
        msgspec.structs.replace(one, noted=noted) if is_ours else None
        for (one, noted), is_ours in zip(found, ours, strict=True)
    ]
