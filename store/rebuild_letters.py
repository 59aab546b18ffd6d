"""A rebuild's part for what was to be told: unsettled deliveries, dead letters, and events that nobody was told of."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar

from store.book.letter_reader import LetterReader, OpenDelivery
from store.live.live import Live
from store.live.restoring import RestoredDelivery, restore_deliveries, restore_events
from store.live.shard import Shard

_T = TypeVar("_T")


async def restore_letters(live: Live, letters: LetterReader) -> int:
    """Put back what history knows as not told; answers how many deliveries and events that was.

    Events first: one that is turned into deliveries between the two looks is put back as both, and told twice under one
    id. The other way round it would be told never.
    """
    return await _restore_events(live, letters) + await _restore_deliveries(live, letters)


async def _restore_events(live: Live, letters: LetterReader) -> int:
    count = 0
    async for page in letters.untold():
        by_shard: dict[int, list[tuple[str, bytes]]] = defaultdict(list)
        for one in page:
            by_shard[one.shard].append((one.place, one.event))
        for shard, events in _homes(live, by_shard):
            count += await restore_events(shard, events)
    return count


async def _restore_deliveries(live: Live, letters: LetterReader) -> int:
    count = 0
    async for page in letters.open_deliveries():
        by_shard: dict[int, list[RestoredDelivery]] = defaultdict(list)
        for one in page:
            by_shard[one.shard].append(_restored(one))
        for shard, deliveries in _homes(live, by_shard):
            count += await restore_deliveries(shard, deliveries)
    return count


def _restored(one: OpenDelivery) -> RestoredDelivery:
    return RestoredDelivery(
        id=one.live_id,
        attempts=one.tries,
        due_ms=one.next_ms or 0,
        died_ms=one.settled_ms or 0 if one.state == "dead" else 0,
        event=one.event,
    )


def _homes(live: Live, by_shard: dict[int, list[_T]]) -> list[tuple[Shard, list[_T]]]:
    """The shards of this installation; their number never changes."""
    return [(shard, by_shard[shard.keys.shard]) for shard in live.shards if shard.keys.shard in by_shard]
