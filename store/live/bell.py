"""Waits for the next event of a shard: a read that blocks, on a connection of its own, and costs nothing meanwhile."""

from __future__ import annotations

from redis.exceptions import RedisError

from store.live.connect import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, translate
from store.live.shard import Shard
from store.live.wire import Wire, open_wire, pack

BLOCK_MS = 5_000


class Bell:
    """Rings when an event comes. For one listener at a time."""

    def __init__(self, url: str, shard: Shard) -> None:
        self._url = url
        self._shard = shard
        self._wire: Wire | None = None

    async def wait(self, after: str) -> None:
        """Until there is an event behind the id `after`, or some seconds have passed without one.

        Raises:
            Unavailable: Redis is away, or refuses.
        """
        read = ("XREAD", "COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", self._shard.keys.events, after)
        try:
            if self._wire is None or not self._wire.is_open:
                self._wire = await open_wire(self._url, CONNECT_TIMEOUT_S)
            await self._wire.exchange(pack(*read), BLOCK_MS / 1000 + CALL_TIMEOUT_S)
        except (RedisError, OSError) as error:
            raise translate(error) from error

    def close(self) -> None:
        """Cut the connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None
