"""The seam to redis-py: how we connect, call a script, and what its errors mean to us.

redis-py's own retries are off everywhere (since 8.0 it retries ten times): what may be sent again, and how often, is
decided by the caller that knows the script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError

from store.errors import Fenced, GenerationMissing, OverdueError, Unavailable
from store.live.client import Client
from store.live.scripts import CLOCK, Script, assemble, fence, names

CONNECT_TIMEOUT_S = 2.0
CALL_TIMEOUT_S = 3.0
Argument = str | bytes | int | float


class Refused(Unavailable):
    """Redis is there and refuses this one call: it is full, or what it was given cannot be used."""


class Unregistered(Unavailable):
    """Our writer slot is not in the registry (any more)."""


def translate(error: RedisError | OSError) -> OverdueError:
    """What an error of the client library means to us."""
    text = str(error)
    if isinstance(error, ResponseError):
        word = text.split(" ", 1)[0]
        if word == "GENERATION":
            return GenerationMissing("Redis does not hold this installation yet; it is being rebuilt", 2)
        if word == "FENCED":
            return Fenced(f"another process has taken the writer slot {text.split(' ', 1)[-1]}")
        if word == "UNREGISTERED":
            return Unregistered("the writer is not registered")
        if isinstance(error, OutOfMemoryError):  # redis-py takes the word OOM off its text
            return Refused("Redis has no memory left", 10)
        if not isinstance(error, ReadOnlyError):
            return Refused(f"Redis refuses: {text}")
    return Unavailable(f"Redis is away: {text or type(error).__name__}")


def _options(read_timeout_s: float) -> dict[str, Any]:
    return {
        "retry": Retry(NoBackoff(), 0),
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": read_timeout_s,
        "protocol": 2,
    }


def open_client(url: str, read_timeout_s: float = CALL_TIMEOUT_S) -> aioredis.Redis:
    """A client with a pool, for everything but the ping path."""
    return Client.from_url(url, **_options(read_timeout_s))


class Scripts:
    """All scripts, assembled once per process."""

    def __init__(self, clock: Path = CLOCK) -> None:
        self._by_name: Mapping[str, Script] = {name: assemble(name, clock) for name in names()}

    def __getitem__(self, name: str) -> Script:
        return self._by_name[name]

    def fenced(self) -> Scripts:
        """The same ones, each of which looks first whether a lock is held."""
        other = copy(self)
        other._by_name = {name: fence(script) for name, script in self._by_name.items()}
        return other


class Caller:
    """Calls scripts on a client; the one place that knows NOSCRIPT and translates errors."""

    def __init__(self, client: aioredis.Redis, scripts: Scripts) -> None:
        self.client = client
        self.scripts = scripts

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script. Raises Unavailable, GenerationMissing or Fenced."""
        script = self.scripts[name]
        try:
            try:
                return await self.client.evalsha(script.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                await self.client.script_load(script.source)
                return await self.client.evalsha(script.sha, len(keys), *keys, *arguments)
        except (RedisError, OSError) as error:
            raise translate(error) from error
