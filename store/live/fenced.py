"""Calls that take effect only as long as a lock is ours: whoever stood still for too long writes nothing afterwards.

A look at the lock before a write would not do: the process may be frozen between the two, and go on when another has
the lock, or has long finished. So the look and the write are one step in Redis: a script looks first (`fence.lua`), and
for plain commands Redis watches the lock's key from the look to the write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError, WatchError

from store.errors import Unavailable
from store.live.connect import Argument, Caller, Refused, translate


class FencedCaller(Caller):
    """Scripts and commands in one shard. `key` is that shard's copy of the lock, `token` says that it is ours."""

    def __init__(self, caller: Caller, key: str, token: bytes) -> None:
        super().__init__(caller.client, caller.scripts.fenced())
        self._key = key
        self._token = token

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script.

        Raises:
            Unavailable: Redis is away, or the lock is not ours any more: then nothing was written.
        """
        try:
            return await super().call(name, (*keys, self._key), (*arguments, self._token))
        except Refused as error:
            if "INTERRUPTED" in str(error):
                raise _interrupted() from error
            raise

    async def execute(self, *commands: tuple[Argument, ...]) -> None:
        """Run commands, all of them or none. Raises Unavailable as `call` does."""
        try:
            while not await self._executed(commands):
                pass
        except (RedisError, OSError) as error:
            raise translate(error) from error

    async def _executed(self, commands: Sequence[tuple[Argument, ...]]) -> bool:
        """False: the lock was prolonged, or lost, between the look and the write; the next look tells."""
        pipe: Any = self.client.pipeline(transaction=True)
        async with pipe:
            await pipe.watch(self._key)
            if await pipe.get(self._key) != self._token:
                raise _interrupted()
            pipe.multi()
            for command in commands:
                pipe.execute_command(*command)
            try:
                await pipe.execute()
            except WatchError:
                return False
        return True


def _interrupted() -> Unavailable:
    return Unavailable("putting Redis in order was interrupted; it begins again")
