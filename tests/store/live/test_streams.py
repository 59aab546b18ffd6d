"""The streams are read in order, and trimmed only as far as every reader has committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from store.errors import GenerationMissing
from store.live.delivering import deliver
from store.live.heads import Outcome
from store.live.packing import Event, read_event
from store.live.shard import Generation, Shard
from store.live.streams import FIRST, StreamReader, trim_events, trim_pings
from tests.stage import START_MS, Stage, config_of

ENTRY_BYTES = len(b"history") + 128


@pytest.fixture
async def reader(stage: Stage) -> AsyncIterator[StreamReader]:
    reader = StreamReader(stage.live.url, stage.shard)
    yield reader
    await reader.aclose()


async def fall_silent_and_return(stage: Stage, *monitor_ids: int) -> None:
    """A down and an up for each of them."""
    for monitor_id in monitor_ids:
        await stage.put(config_of(monitor_id, 1, 0))
    await stage.listen(until=1)
    await stage.sweep()
    await stage.ping(*monitor_ids)


async def test_both_streams_are_read_in_the_order_in_which_they_were_written(
    stage: Stage, reader: StreamReader
) -> None:
    await fall_silent_and_return(stage, 1, 2)
    await stage.move_to(1.5)
    await stage.ping(2)
    pings, events, _ = await reader.read(FIRST, FIRST, FIRST, 100)
    assert [entry.now_ms - START_MS for entry in pings] == [1000, 1500]
    assert [list(entry.outcomes) for entry in pings] == [[Outcome.RECORDED] * 2, [Outcome.RECORDED]]
    assert [entry.history for entry in pings] == [b"history"] * 2
    found = [read_event(entry.event) for entry in events]
    assert [(event.kind.name, event.monitor_id) for event in found if isinstance(event, Event)] == [
        ("DOWN", 1),
        ("DOWN", 2),
        ("UP", 1),
        ("UP", 2),
    ]


async def test_reading_goes_on_after_the_given_positions_a_few_at_a_time(
    stage: Stage, reader: StreamReader
) -> None:
    await fall_silent_and_return(stage, 1, 2)
    await stage.ping(1)
    after_ping, after_event, seen = FIRST, FIRST, []
    for _ in range(4):
        pings, events, _ = await reader.read(after_ping, after_event, FIRST, 1)
        after_ping = pings[-1].id if pings else after_ping
        after_event = events[-1].id if events else after_event
        seen.append((len(pings), len(events)))
    assert seen == [(1, 1), (1, 1), (0, 1), (0, 1)]


async def test_a_reader_that_waits_is_woken_by_the_first_entry(stage: Stage, reader: StreamReader) -> None:
    await stage.put(config_of(1))
    waiting = asyncio.create_task(reader.read(FIRST, FIRST, FIRST, 10))
    await asyncio.sleep(0.02)
    await stage.ping(1)
    pings, events, _ = await asyncio.wait_for(waiting, 0.8)
    assert (len(pings), len(events)) == (1, 0)


async def test_a_reader_of_another_installation_reads_nothing(stage: Stage) -> None:
    stranger = StreamReader(
        stage.live.url, Shard(stage.shard.caller, stage.shard.keys, Generation("another"))
    )
    with pytest.raises(GenerationMissing):
        await stranger.read(FIRST, FIRST, FIRST, 10)
    await stranger.aclose()


async def test_each_entry_says_how_many_bytes_were_ever_appended(stage: Stage, reader: StreamReader) -> None:
    await stage.put(config_of(1))
    for _ in range(3):
        await stage.ping(1)
    pings, _, _ = await reader.read(FIRST, FIRST, FIRST, 10)
    assert [entry.appended_bytes for entry in pings] == [ENTRY_BYTES, 2 * ENTRY_BYTES, 3 * ENTRY_BYTES]
    assert (await stage.live.tallies()).history_appended == 3 * ENTRY_BYTES


async def test_trimming_pings_removes_what_was_committed_and_nothing_later(
    stage: Stage, reader: StreamReader
) -> None:
    await stage.put(config_of(1))
    for _ in range(4):
        await stage.ping(1)
    pings, _, _ = await reader.read(FIRST, FIRST, FIRST, 10)
    assert await trim_pings(stage.shard, pings[1].id, pings[1].appended_bytes) == 2
    left, _, _ = await reader.read(FIRST, FIRST, FIRST, 10)
    assert left == pings[2:]
    assert (await stage.live.tallies()).history_trimmed == 2 * ENTRY_BYTES
    assert await trim_pings(stage.shard, pings[1].id, pings[1].appended_bytes) == 0


async def test_trimming_before_anything_was_committed_removes_nothing(stage: Stage) -> None:
    await fall_silent_and_return(stage, 1)
    await deliver(stage.shard, 10)
    assert await trim_pings(stage.shard, FIRST, 0) == 0
    assert await trim_events(stage.shard, FIRST) == 0


async def test_trimming_makes_room_for_history_that_would_be_dropped(
    stage: Stage, reader: StreamReader
) -> None:
    await stage.put(config_of(1))
    stage.writer._cap = 2 * ENTRY_BYTES
    for _ in range(3):
        await stage.ping(1)
    assert (await stage.live.tallies()).history_dropped == 1
    [first, _], _, _ = await reader.read(FIRST, FIRST, FIRST, 10)
    await trim_pings(stage.shard, first.id, first.appended_bytes)
    await stage.ping(1)
    await stage.ping(1)
    tallies = await stage.live.tallies()
    assert (tallies.history_dropped, tallies.pings_backlog) == (2, 2)


async def test_events_stay_until_they_were_recorded_and_turned_into_deliveries(
    stage: Stage, reader: StreamReader
) -> None:
    await fall_silent_and_return(stage, 1, 2)
    _, events, _ = await reader.read(FIRST, FIRST, FIRST, 10)
    assert await trim_events(stage.shard, events[3].id) == 0
    await deliver(stage.shard, 2)
    assert await trim_events(stage.shard, events[3].id) == 2
    await deliver(stage.shard, 2)
    assert await trim_events(stage.shard, events[2].id) == 1
    _, left, _ = await reader.read(FIRST, FIRST, FIRST, 10)
    assert left == events[3:]
