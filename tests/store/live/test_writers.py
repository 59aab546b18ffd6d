"""Who listens, and what becomes of one who does not: its slot is released, and the time it held is blind."""

from __future__ import annotations

import pytest

from store.live.arrival import ArrivalClock
from store.live.connect import Unregistered
from store.live.link import Link
from store.live.writer import Writer
from store.live.writers import Dropped, Dropping, drop_writer, number_of, registered
from tests.stage import START_MS, Stage, config_of


async def silences(stage: Stage) -> dict[str, int | None]:
    return {one.slot: one.silent_ms for one in await registered([stage.shard])}


async def test_each_writer_is_listed_with_how_long_it_has_been_silent(stage: Stage) -> None:
    await stage.new_writer("far-12")
    await stage.listen(until=2)
    assert await silences(stage) == {"far-12": 2000, "main-0": 0}
    assert [one.is_heard for one in await registered([stage.shard])] == [False, True]


async def test_a_silent_writer_that_is_dropped_holds_the_clock_no_longer_and_its_silence_is_blind(
    stage: Stage,
) -> None:
    await stage.put(config_of(1))
    await stage.new_writer("main-1")
    await stage.listen(until=41)
    assert (await stage.sweep()).looked_at == 0
    assert await drop_writer(stage.shard, "main-1") == Dropped(Dropping.DROPPED, 41_000)
    assert await stage.holes() == [(0, 41)]
    await stage.sweep()
    assert await stage.told() == []
    await stage.listen(until=82)
    await stage.sweep()
    assert await stage.told() == [("down", 1, 81)]


async def test_one_that_is_heard_is_not_dropped_unless_that_is_meant(stage: Stage) -> None:
    await stage.new_writer("main-1")
    await stage.move_to(0.5)
    assert await drop_writer(stage.shard, "main-1") == Dropped(Dropping.HEARD, 500)
    assert set(await silences(stage)) == {"main-0", "main-1"}
    assert await drop_writer(stage.shard, "main-1", 0) == Dropped(Dropping.DROPPED, 500)
    assert await stage.holes() == [(0, 0.5)]
    assert await drop_writer(stage.shard, "main-1", 0) == Dropped(Dropping.NOT_THERE, 0)


async def test_after_the_last_one_was_dropped_the_next_who_registers_notes_all_that_went_unheard(
    stage: Stage,
) -> None:
    await stage.listen(until=5)
    await stage.move_to(10)
    await drop_writer(stage.shard, "main-0")
    assert (await stage.sweep()).watermark_ms is None
    await stage.move_to(12)
    await stage.new_writer("main-0")
    assert await stage.holes() == [(5, 12)]


async def test_one_that_was_dropped_alive_is_refused_and_its_new_slot_covers_what_it_missed(
    stage: Stage,
) -> None:
    await stage.new_writer("main-1")
    await stage.listen(until=5)
    await drop_writer(stage.shard, "main-0", 0)
    await stage.move_to(9)
    with pytest.raises(Unregistered):
        await stage.ping()
    await stage.writer.register()
    assert await stage.holes() == [(5, 9)]


async def test_after_the_last_one_gave_its_slot_back_the_next_who_registers_notes_what_it_had_not_heard(
    stage: Stage,
) -> None:
    await stage.listen(until=9)
    await stage.move_to(9.5)
    await stage.ping(heard=9.2)
    await stage.writer.deregister()
    await stage.move_to(12)
    await stage.new_writer("main-0")
    assert await stage.holes() == [(9.2, 12)]


async def test_whoever_was_replaced_gives_nothing_back_and_its_successor_is_heard_on(stage: Stage) -> None:
    former, stage.writer = stage.writer, await stage.new_writer("main-0")
    await former.deregister()
    await stage.listen(until=3)
    assert await silences(stage) == {"main-0": 0}


async def test_whoever_takes_over_a_slot_after_a_step_back_of_the_clock_is_heard_up_to_now(
    stage: Stage,
) -> None:
    await stage.listen(until=5000, step=500)
    await stage.move_to(1000)
    stage.writer = await stage.new_writer("main-0")
    await stage.ping()
    assert (await stage.sweep()).watermark_ms == stage.now_ms
    assert await stage.redis.hget(stage.shard.keys.tallies, "steps_back") == b"1"


async def test_a_record_that_cannot_be_read_holds_the_clock_until_it_is_dropped(stage: Stage) -> None:
    await stage.redis.hset(stage.shard.keys.writers, "main-1", b"short")
    assert (await stage.sweep()).watermark_ms is None
    assert await silences(stage) == {"main-0": 0, "main-1": None}
    assert (await drop_writer(stage.shard, "main-1")).what is Dropping.DROPPED
    assert (await stage.sweep()).watermark_ms is not None
    assert await stage.holes() == [(-3600, 0)]


async def test_what_was_refused_is_blind_from_the_last_batch_to_the_next_and_no_longer(stage: Stage) -> None:
    await stage.listen(until=1)
    stage.writer.confess(START_MS + 1500)
    await stage.listen(until=3.8, step=0.7)
    assert await stage.holes() == [(1, 1.7)]


async def test_what_was_refused_before_there_was_a_slot_is_blind_as_others_listened_without_us(
    stage: Stage,
) -> None:
    await stage.listen(until=20)
    passed_ms = 70_000
    link = Link(stage.live.url, stage.live.scripts)
    stage.links.append(link)
    late = Writer(link, stage.shard.keys, stage.live.generation, "main-1", ArrivalClock(lambda: passed_ms))
    late.confess()
    passed_ms = 73_000
    late.confess()
    await late.register()
    assert await stage.holes() == [(16.998, 20)]
    late.confess()
    await late.register()
    assert await stage.holes() == [(16.998, 20)]


@pytest.mark.parametrize(
    ("slot", "number"), [("main-0", 0), ("main-63", 63), ("mainx-1", None), ("main-x", None), ("main", None)]
)
def test_a_slot_names_its_node_and_its_number(slot: str, number: int | None) -> None:
    assert number_of("main", slot) == number
