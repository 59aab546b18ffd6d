"""Reading the streams in order, and trimming what every reader has committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from store.errors import GenerationMissing
from store.live.connect import open_client, translate
from store.live.letters import LetterEntry, letter_entry
from store.live.shard import Shard

BLOCK_MS = 1000
FIRST = "0-0"


class PingEntry(msgspec.Struct, frozen=True):
    """One batch of pings: when it was applied, one outcome byte per ping, and what ingest wrote about them.

    `appended_bytes` counts the history that was ever appended, up to and with this entry. `ended`: the runs that ended
    with it, packed.
    """

    id: str
    now_ms: int
    appended_bytes: int
    outcomes: bytes
    history: bytes
    ended: bytes = b""


class EventEntry(msgspec.Struct, frozen=True):
    """One transition, packed (see `packing.read_event`).

    `restored_from` says where the history has it, if a rebuild has put it back; else it is empty.
    """

    id: str
    event: bytes
    restored_from: str = ""


Entries = tuple[list[PingEntry], list[EventEntry], list[LetterEntry]]


class StreamReader:
    """Follows the streams of a shard on a connection of its own, which may block longer than a call may take."""

    def __init__(self, url: str, shard: Shard) -> None:
        self._client: aioredis.Redis = open_client(url, read_timeout_s=BLOCK_MS / 1000 + 3)
        self._shard = shard

    async def read(self, pings_after: str, events_after: str, letters_after: str, count: int) -> Entries:
        """The next entries after the given ids, at most `count` of each; waits up to a second for the first one.

        Raises:
            Unavailable: Redis is away; GenerationMissing: it holds another installation, whose streams mean nothing.
        """
        keys, expected = self._shard.keys, self._shard.generation.value
        positions: dict[Any, Any] = {
            keys.pings: pings_after,
            keys.events: events_after,
            keys.letters: letters_after,
        }
        try:
            reply: Any = await self._client.xread(positions, count=count, block=BLOCK_MS)
            # Only now: while we waited, Redis may have been emptied and put in order again, and what we hold may be
            # of the new streams. A generation never comes back, so what we hold is ours if it is there still.
            generation: Any = await self._client.get(keys.generation)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        if generation is None or generation.decode() != expected:
            raise GenerationMissing("Redis does not hold this installation")
        found = {bytes(name).decode(): entries for name, entries in reply or ()}
        return (
            [_ping_entry(entry_id, fields) for entry_id, fields in found.get(keys.pings, ())],
            [_event_entry(entry_id, fields) for entry_id, fields in found.get(keys.events, ())],
            [letter_entry(entry_id, fields) for entry_id, fields in found.get(keys.letters, ())],
        )

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _ping_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> PingEntry:
    """An entry in which something is missing reads as one without history, which is reported and left out."""
    return PingEntry(
        entry_id.decode(),
        _number(fields.get(b"t")),
        _number(fields.get(b"c")),
        fields.get(b"o", b""),
        fields.get(b"h", b""),
        fields.get(b"d", b""),
    )


def _event_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> EventEntry:
    return EventEntry(
        entry_id.decode(), fields.get(b"e", b""), fields.get(b"r", b"").decode("ascii", "replace")
    )


def _number(text: bytes | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0


async def trim_pings(shard: Shard, committed: str, appended_bytes: int) -> int:
    """Remove the pings up to the recorder's committed id."""
    keys = shard.keys
    return int(
        await shard.call("trim", (keys.pings, keys.tallies), committed, appended_bytes, "history_trimmed")
    )


async def trim_events(shard: Shard, committed: str) -> int:
    """Remove the events up to the recorder's committed id, as far as they were turned into deliveries too."""
    keys = shard.keys
    return int(await shard.call("trim", (keys.events, keys.tallies, keys.dispatched), committed, 0, ""))


async def trim_letters(shard: Shard, committed: str, appended_bytes: int) -> int:
    """Remove from the log of deliveries what the recorder has committed."""
    keys = shard.keys
    used = (keys.letters, keys.tallies)
    return int(await shard.call("trim", used, committed, appended_bytes, "letters_trimmed"))
