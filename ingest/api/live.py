"""What the admin API needs of the live side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from store.live.channel_event import TrialEvent
from store.monitor import MonitorState
from store.projection import Projection


class Live(Protocol):
    """Redis, as far as the API is concerned; `store.live.live.Live` is the real one."""

    async def ready(self) -> None:
        """Raises Unavailable while a change could not be carried to Redis."""
        ...

    async def project(self, projection: Projection) -> None:
        """Carry one change to Redis; raises Unavailable."""
        ...

    async def count_use(self, who: str, most_a_minute: int) -> int:
        """Count one call; 0, or the ms until somebody who had enough for this minute may go on."""
        ...

    async def pings_this_minute(self, org_id: int) -> int:
        """How many pings of an organisation were recorded in this minute, where its plan limits them."""
        ...

    async def states(self, monitor_ids: Sequence[int]) -> tuple[int, list[MonitorState | None]]:
        """Redis' time in ms, and the states of monitors in order; None for one that is not there."""
        ...

    async def packed_states(self, monitor_ids: Sequence[int]) -> tuple[int, list[bytes]]:
        """The same as it is stored; `store.live.packing.read_state` reads it."""
        ...

    async def retry_letter(self, shard: int, delivery_id: str) -> int:
        """Put a dead letter of this shard back in line; 0 if it is not one."""
        ...

    async def try_channel(self, event: TrialEvent) -> bool:
        """Tell one channel that somebody tries it; False: it is not there."""
        ...
