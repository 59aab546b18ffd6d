"""Reading the streams in order, and trimming what every reader has committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from store.errors import GenerationMissing, OverdueError
from store.live.connect import open_client, translate
from store.live.letters import LetterEntry, letter_entry
from store.live.shard import Shard

BLOCK_MS = 1000
FIRST = "0-0"
PAGE = 100


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


# Entries as Redis gives them.
Raw = Sequence[tuple[bytes, Mapping[bytes, bytes]]]
Entries = tuple[list[PingEntry], list[EventEntry], list[LetterEntry]]


class FallenBehind(OverdueError):
    """A stream holds other entries than those that its reader has seen, under ids that are not above theirs.

    Redis came back without its last moments, by a clock that is behind. The reader has to find out from where on.
    """


class StreamReader:
    """Follows the streams of a shard on a connection of its own, which may block longer than a call may take.

    `left` are the entries of the ids after which was read last, where these were not trimmed yet: after a loss another
    entry may have the id of one that was read.
    """

    def __init__(self, url: str, shard: Shard) -> None:
        self._client: aioredis.Redis = open_client(url, read_timeout_s=BLOCK_MS / 1000 + 3)
        self._shard = shard
        self.left: Entries = ([], [], [])

    async def read(self, pings_after: str, events_after: str, letters_after: str, count: int) -> Entries:
        """The next entries after the given ids, at most `count` of each; waits up to a second for the first one.

        Raises:
            Unavailable: Redis is away; GenerationMissing: it holds another installation, whose streams mean nothing.
            FallenBehind: there may be entries that were not read yet before the given ids.
        """
        keys, expected = self._shard.keys, self._shard.generation.value
        positions: dict[str, str] = {
            keys.pings: pings_after,
            keys.events: events_after,
            keys.letters: letters_after,
        }
        asked: dict[Any, Any] = {**positions}
        try:
            reply: Any = await self._client.xread(asked, count=count, block=BLOCK_MS)
            # Only now: while we waited, Redis may have been emptied and put in order again, and what we hold may be
            # of the new streams. A generation never comes back, so what we hold is ours if it is there still.
            # And only now is it known that what we hold is all there is: none of it came in before the given ids.
            generation, *latest = await self._generation_and_latest(positions)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        if generation is None or generation.decode() != expected:
            raise GenerationMissing("Redis does not hold this installation")
        if any(
            _is_another(entries, after) for entries, after in zip(latest, positions.values(), strict=True)
        ):
            raise FallenBehind("Redis came back without its last moments, by a clock that is behind")
        self.left = _entries(*latest)
        found = {bytes(name).decode(): entries for name, entries in reply or ()}
        return _entries(*(found.get(key, ()) for key in positions))

    async def _generation_and_latest(self, positions: Mapping[str, str]) -> list[Any]:
        """And of each stream the latest entry up to the given one."""
        pipe: Any = self._client.pipeline(transaction=True)
        pipe.get(self._shard.keys.generation)
        for key, after in positions.items():
            pipe.xrevrange(key, after, "-", count=1)
        return list(await pipe.execute())

    async def page_of_pings(self, after: str, up_to: str) -> list[PingEntry]:
        """Some of the entries between two ids, oldest first."""
        return [_ping_entry(*entry) for entry in await self._page(self._shard.keys.pings, after, up_to)]

    async def page_of_letters(self, after: str, up_to: str) -> list[LetterEntry]:
        """The same of the log of deliveries."""
        return [letter_entry(*entry) for entry in await self._page(self._shard.keys.letters, after, up_to)]

    async def dispatched(self) -> str:
        """The event up to which all were turned into deliveries, as far as Redis remembers."""
        try:
            found: Any = await self._client.get(self._shard.keys.dispatched)
        except (RedisError, OSError) as error:
            raise translate(error) from error
        return FIRST if found is None else bytes(found).decode()

    async def _page(self, key: str, after: str, up_to: str) -> Any:
        try:
            return await self._client.xrange(key, f"({after}", up_to, count=PAGE)
        except (RedisError, OSError) as error:
            raise translate(error) from error

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _entries(pings: Raw, events: Raw, letters: Raw) -> Entries:
    return (
        [_ping_entry(*one) for one in pings],
        [_event_entry(*one) for one in events],
        [letter_entry(*one) for one in letters],
    )


def _is_another(latest: Raw, seen: str) -> bool:
    """Whether this is not what was seen there; an empty stream was trimmed."""
    return any(entry_id.decode() != seen for entry_id, _ in latest)


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
