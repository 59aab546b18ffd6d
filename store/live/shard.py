"""One shard as its callers see it: its keys, and calls that carry the generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from store.live.connect import Argument
from store.live.keys import Keyspace


class Generation:
    """Which installation this process believes in; shared by all shards, changed by a rebuild."""

    def __init__(self, value: str) -> None:
        self.value = value


class Calls(Protocol):
    """Whatever scripts are called through: a `Caller` with its pool, or a `Link` of one's own."""

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any: ...


class Shard:
    """A shard's keyspace with a way to call its scripts."""

    def __init__(self, caller: Calls, keys: Keyspace, generation: Generation) -> None:
        self.caller = caller
        self.keys = keys
        self.generation = generation

    async def call(self, name: str, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script whose first key and first argument are the generation."""
        return await self.caller.call(
            name, (self.keys.generation, *keys), (self.generation.value, *arguments)
        )
