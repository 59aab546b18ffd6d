"""Calls that take effect only as long as a lock is ours: whoever stood still for too long writes nothing afterwards.

A look at the lock before a write would not do: the process may be frozen between the two, and go on when another has
the lock, or has long finished. So Redis watches the lock's key from the look to the write, and refuses the write when
anything has happened to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import NoScriptError, RedisError, WatchError

from store.errors import Unavailable
from store.live.connect import Argument, Caller, translate


class FencedCaller(Caller):
    """Scripts and commands in one shard. `key` is that shard's copy of the lock, `token` says that it is ours."""

    def __init__(self, caller: Caller, key: str, token: bytes) -> None:
        super().__init__(caller.client, caller.scripts)
        self._key = key
        self._token = token

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script.

        Raises:
            Unavailable: Redis is away, or the lock is not ours any more: then nothing was written.
        """
        script = self.scripts[name]
        command = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
        try:
            try:
                return await self._exchange(command)
            except NoScriptError:
                await self.client.script_load(script.source)
                return await self._exchange(command)
        except (RedisError, OSError) as error:
            raise translate(error) from error

    async def execute(self, *commands: tuple[Argument, ...]) -> None:
        """Run commands, all of them or none. Raises Unavailable as `call` does."""
        try:
            await self._exchange(*commands)
        except (RedisError, OSError) as error:
            raise translate(error) from error

    async def _exchange(self, *commands: tuple[Argument, ...]) -> Any:
        """The reply to the last command."""
        while True:
            pipe: Any = self.client.pipeline(transaction=True)
            async with pipe:
                await pipe.watch(self._key)
                if await pipe.get(self._key) != self._token:
                    raise Unavailable("putting Redis in order was interrupted; it begins again")
                pipe.multi()
                for command in commands:
                    pipe.execute_command(*command)
                try:
                    replies: list[Any] = await pipe.execute(raise_on_error=False)
                except WatchError:
                    continue  # prolonged, or lost: the next look tells
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return replies[-1]
