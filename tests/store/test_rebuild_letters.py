"""When Redis has lost everything, what was not told yet is told all the same: under its id, and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.book.letter_reader import LetterReader, OpenDelivery, Untold
from store.live import streams
from store.live.dead_letters import retry_letter
from store.live.delivering import Lease, deliver, lease, settle
from store.rebuild import rebuild_if_empty
from store.rebuild_letters import restore_letters
from store.recorder import recorder
from tests.packed_events import remind
from tests.stage import START_MS, Stage
from tests.store.library import Library, library_on


@pytest.fixture
async def library(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    """An installation with a channel and a monitor that is down since second 40."""
    monkeypatch.setattr(streams, "BLOCK_MS", 20)
    async with library_on(stage, tmp_path) as library:
        await library.channel()
        await library.monitor()
        await stage.listen(until=41)
        await stage.sweep()
        yield library


async def lose_everything(library: Library) -> None:
    """Redis is emptied, put in order again, and listened to."""
    stage = library.stage
    await stage.redis.flushall()
    await stage.redis.set("test-clock", stage.now_ms)
    assert await rebuild_if_empty(stage.live, library.book, library.history)
    stage.writer = await stage.new_writer()


async def record(library: Library) -> None:
    while await library.desk.step():
        pass


async def take(stage: Stage) -> list[Lease]:
    """What is due, after events were turned into deliveries."""
    await deliver(stage.shard, 100)
    return (await lease(stage.shard, 100, 5000, ())).leases


def kinds(leases: list[Lease]) -> list[str]:
    return [one.event.kind.name for one in leases if one.event]


async def state_of(library: Library) -> list[str]:
    return [state for (state,) in library.desk.rows("SELECT state FROM deliveries ORDER BY number")]


async def test_a_down_that_waits_for_a_retry_is_told_when_it_is_due_and_its_up_after_it(
    stage: Stage, library: Library
) -> None:
    [down] = await take(stage)
    await settle(stage.shard, down, "retry", 60_000)
    await record(library)
    await lose_everything(library)
    await stage.ping(1)
    assert await take(stage) == []
    await stage.move_to(101)
    [again] = await take(stage)
    assert (again.delivery_id, again.attempt, again.event) == (down.delivery_id, 2, down.event)
    assert await settle(stage.shard, again, "done")
    [up] = await take(stage)
    assert kinds([up]) == ["UP"]
    assert up.event and down.event and up.event.incident_id == down.event.incident_id
    assert await settle(stage.shard, up, "done")
    await record(library)
    assert await state_of(library) == ["delivered", "delivered"]


async def test_a_down_and_its_up_that_both_wait_come_back_in_their_order(
    stage: Stage, library: Library
) -> None:
    await deliver(stage.shard, 10)
    await stage.ping(1)
    await deliver(stage.shard, 10)
    await record(library)
    await lose_everything(library)
    [down] = await take(stage)
    assert kinds([down]) == ["DOWN"]
    await settle(stage.shard, down, "done")
    assert kinds(await take(stage)) == ["UP"]


async def test_what_was_told_and_recorded_is_not_told_again(stage: Stage, library: Library) -> None:
    [down] = await take(stage)
    await settle(stage.shard, down, "done")
    await record(library)
    await lose_everything(library)
    assert await take(stage) == []


async def test_what_was_told_but_not_recorded_is_repeated_under_its_id(
    stage: Stage, library: Library
) -> None:
    [down] = await take(stage)
    await record(library)
    await settle(stage.shard, down, "done")
    await lose_everything(library)
    [again] = await take(stage)
    assert (again.delivery_id, again.event) == (down.delivery_id, down.event)


async def test_dead_letters_come_back_and_an_end_still_follows_its_beginning(
    stage: Stage, library: Library
) -> None:
    [down] = await take(stage)
    await settle(stage.shard, down, "dead")
    await record(library)
    await lose_everything(library)
    assert (await stage.live.tallies()).dead_letters == 1
    await stage.ping(1)
    assert await take(stage) == []
    assert await retry_letter(stage.shard, down.delivery_id) == 2
    [again] = await take(stage)
    assert again.delivery_id == down.delivery_id
    await settle(stage.shard, again, "done")
    assert kinds(await take(stage)) == ["UP"]


async def test_an_event_that_nobody_was_told_of_is_told_once(stage: Stage, library: Library) -> None:
    """The sweeper was away: the incident is recorded, and there is no delivery yet."""
    await record(library)
    await lose_everything(library)
    await lose_everything(library)
    [down] = await take(stage)
    assert (kinds([down]), down.event and down.event.at_ms) == (["DOWN"], START_MS + 40_000)
    await settle(stage.shard, down, "done")
    await record(library)
    assert library.desk.rows("SELECT * FROM untold_events") == []
    assert library.desk.rows("SELECT count(*), count(ended_ms) FROM incidents") == [(1, 0)]
    await lose_everything(library)
    assert await take(stage) == []
    await stage.ping(1)
    assert kinds(await take(stage)) == ["UP"]


async def test_an_event_that_was_recorded_again_after_a_rebuild_survives_the_next_one(
    stage: Stage, library: Library
) -> None:
    for _ in range(3):
        await record(library)
        assert len(library.desk.rows("SELECT * FROM untold_events")) == 1
        await lose_everything(library)
    assert kinds(await take(stage)) == ["DOWN"]


async def test_what_was_recorded_too_late_for_a_rebuild_is_noticed_again_and_told_once(
    stage: Stage, library: Library
) -> None:
    """The recorder held it when Redis was emptied, and committed it when the rebuild had looked."""
    reader = library.desk.reader
    held = await reader.read("0-0", "0-0", "0-0", 100)
    await lose_everything(library)
    library.desk.recorder._generation = "0" * 32
    await library.desk.recorder._write(*held)
    assert len(library.desk.rows("SELECT * FROM untold_events")) == 1
    await record(library)
    assert library.desk.rows("SELECT * FROM untold_events") == []
    await stage.listen(until=141)
    await stage.sweep()
    assert kinds(await take(stage)) == ["DOWN"]
    assert library.desk.rows("SELECT count(*) FROM incidents") == [(1,)]


async def test_events_that_were_put_back_and_only_partly_recorded_survive_the_next_loss(
    stage: Stage, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    await library.monitor("another")
    await stage.listen(until=82)
    await stage.sweep()
    await record(library)
    await lose_everything(library)
    monkeypatch.setattr(recorder, "ENTRIES_AT_ONCE", 1)
    await library.desk.step()
    generations = library.desk.rows("SELECT count(DISTINCT generation), count(*) FROM untold_events")
    assert generations == [(2, 2)]
    await lose_everything(library)
    assert kinds(await take(stage)) == ["DOWN", "DOWN"]
    await record(library)
    assert library.desk.rows("SELECT * FROM untold_events") == []


async def test_a_reminder_that_waits_or_that_nobody_was_told_of_comes_back(
    stage: Stage, library: Library
) -> None:
    [down] = await take(stage)
    await settle(stage.shard, down, "done")
    await stage.move_to(100)
    await remind(stage, 1)
    await record(library)
    await lose_everything(library)
    [reminder] = await take(stage)
    assert kinds([reminder]) == ["REMINDER"]
    assert library.desk.rows("SELECT count(*), count(ended_ms) FROM incidents") == [(1, 0)]
    await record(library)
    await lose_everything(library)
    await stage.move_to(110)
    await stage.ping(1)
    [again] = await take(stage)
    assert (kinds([again]), again.delivery_id) == (["REMINDER"], reminder.delivery_id)
    await settle(stage.shard, again, "done")
    assert kinds(await take(stage)) == ["UP"]


async def test_what_is_recorded_as_a_delivery_while_it_is_put_back_is_put_back_at_least_once(
    stage: Stage, library: Library
) -> None:
    await record(library)
    await deliver(stage.shard, 10)

    class Overtaken(LetterReader):
        """The recorder goes on after the first of the two looks."""

        async def untold(self) -> AsyncIterator[list[Untold]]:
            async for page in super().untold():
                yield page
            await record(library)

        async def open_deliveries(self) -> AsyncIterator[list[OpenDelivery]]:
            async for page in super().open_deliveries():
                yield page
            await record(library)

    assert await restore_letters(stage.live, Overtaken(library.history.path)) == 2
