"""Blind time is written down when it is over, and each organisation with monitors concerned is told exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from store.blind_time import BlindTime
from store.book import blind_times, concerned, monitors, orgs
from store.book.history_reader import HISTORY_DB
from store.book.monitors import MonitorChanges
from store.book.ping_questions import MAX_ID
from store.live.packing import read_event
from store.live.unheard_event import UnheardEvent
from store.recorder.unheard import Unheard
from tests.stage import START_MS
from tests.store.book.cast import NOW_MS, new_monitor
from tests.store.recorder.cast import Desk, Killed

CALM_S = 15


def unheard_of(desk: Desk) -> Unheard:
    return Unheard(desk.stage.live, desk.ledger, desk.data, desk.recorder.raise_soon)


async def go_deaf(desk: Desk, seconds: float, calm_s: float = CALM_S) -> tuple[int, int]:
    """Nothing is heard for a while, and then all is well for a while."""
    stage = desk.stage
    await stage.ping()
    began_ms = stage.now_ms
    await desk.pass_seconds(seconds)
    await stage.ping()
    ended_ms = stage.now_ms
    await stage.listen(until=(ended_ms - START_MS) / 1000 + calm_s)
    return began_ms, ended_ms


async def events(desk: Desk) -> list[UnheardEvent]:
    """What was raised."""
    entries = await desk.stage.redis.xrange(desk.stage.shard.keys.events)
    found = [read_event(fields[b"e"]) for _, fields in entries]
    return [event for event in found if isinstance(event, UnheardEvent)]


async def written(desk: Desk) -> list[tuple[int, int]]:
    rows = await blind_times.page(desk.data / HISTORY_DB, 100, BlindTime(MAX_ID, MAX_ID))
    return [(one.from_ms, one.to_ms) for one in rows]


async def test_an_organisation_is_told_once_from_when_to_when_and_whom_it_concerns(desk: Desk) -> None:
    monitor = await desk.monitor()
    began_ms, ended_ms = await go_deaf(desk, 12)
    unheard = unheard_of(desk)

    assert [await unheard.step(), await unheard.step(), await unheard_of(desk).step()] == [1, 0, 0]
    await desk.record()

    [event] = await events(desk)
    assert (event.from_ms, event.to_ms, event.org_id) == (began_ms, ended_ms, desk.org_id)
    assert event.told.count == 1
    assert [one.public_id for one in event.told.examples] == [monitor.config.public_id]
    assert await written(desk) == [(began_ms, ended_ms)]


async def test_a_short_one_is_written_down_but_nobody_is_told(desk: Desk) -> None:
    await desk.monitor()
    hole = await go_deaf(desk, 9.9)
    assert await unheard_of(desk).step() == 1
    await desk.record()
    assert (await events(desk), await written(desk)) == ([], [hole])


async def test_nor_of_one_that_ended_more_than_a_day_ago(desk: Desk) -> None:
    await desk.monitor()
    hole = await go_deaf(desk, 12)
    await desk.pass_seconds(86_400)
    await unheard_of(desk).step()
    await desk.record()
    assert (await events(desk), await written(desk)) == ([], [hole])


async def test_nothing_is_told_before_it_is_over_and_then_all_of_it_at_once(desk: Desk) -> None:
    await desk.monitor()
    unheard = unheard_of(desk)
    began_ms, _ = await go_deaf(desk, 12, calm_s=0)
    assert await unheard.step() == 0
    _, ended_ms = await go_deaf(desk, 30, calm_s=CALM_S - 1)
    assert await unheard.step() == 0
    await desk.stage.listen(until=(ended_ms - START_MS) / 1000 + CALM_S)

    assert await unheard.step() == 1
    assert await written(desk) == [(began_ms, ended_ms)]


async def test_what_is_added_later_is_told_without_what_was_told(desk: Desk) -> None:
    await desk.monitor()
    unheard = unheard_of(desk)
    began_ms, ended_ms = await go_deaf(desk, 12)
    await unheard.step()
    desk.stage.writer.confess()
    await desk.stage.redis.set(desk.stage.shard.keys.blind, b"")
    later_ms = ended_ms + 60_000
    hole = b"".join(moment.to_bytes(6, "little") for moment in (began_ms, later_ms))
    await desk.stage.redis.set(desk.stage.shard.keys.blind, hole)
    await desk.pass_seconds(100)

    assert await unheard.step() == 1
    assert await written(desk) == [(ended_ms, later_ms), (began_ms, ended_ms)]


async def test_who_crashes_after_writing_it_down_tells_it_once_all_the_same(desk: Desk) -> None:
    await desk.monitor()
    await go_deaf(desk, 12)
    await unheard_of(desk).step()
    await desk.begin_again()
    await desk.record()
    assert await unheard_of(desk).step() == 0
    await desk.begin_again()
    await desk.record()
    assert len(await events(desk)) == 1


async def test_who_crashes_before_writing_it_down_begins_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.monitor()
    await go_deaf(desk, 12)

    def die(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(desk.ledger.alerts, "put", die)
    with pytest.raises(Killed):
        await unheard_of(desk).step()
    assert await written(desk) == []
    await desk.begin_again()
    assert await unheard_of(desk).step() == 1
    await desk.record()
    assert len(await events(desk)) == 1


async def test_it_concerns_neither_paused_monitors_nor_younger_ones_nor_those_that_were_down_anyway(
    desk: Desk,
) -> None:
    up, _, paused, recovering = [await desk.monitor() for _ in range(4)]
    await desk.change(paused, MonitorChanges(paused=True))
    interval_s = up.config.limit_ms / 1000
    await desk.stage.listen(until=interval_s - 1, step=1)
    await desk.ping(up)
    await desk.stage.listen(until=interval_s + 1)
    await desk.stage.sweep()
    await desk.record()
    await desk.ping(recovering)
    await desk.record()
    await go_deaf(desk, 12)
    _, change = await monitors.create(desk.book, new_monitor(desk.org_id), desk.stage.now_ms)
    await desk.stage.live.project(change.projection)
    await desk.record()

    assert await unheard_of(desk).step() == 1
    await desk.record()
    [event] = await events(desk)
    assert event.told.count == 2
    concerned_ids = {one.public_id for one in event.told.examples}
    assert concerned_ids == {up.config.public_id, recovering.config.public_id}


async def test_each_organisation_hears_of_its_own_monitors_and_of_few_by_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concerned, "IDS_AT_ONCE", 7)
    monkeypatch.setattr(concerned, "NAMES_AT_ONCE", 6)
    other = await orgs.create(desk.book, "theirs", NOW_MS)
    await orgs.create(desk.book, "nobody's", NOW_MS)
    for number in range(25):
        await desk.monitor()
        if number % 5 == 0:
            await monitors.create(desk.book, new_monitor(other.id), NOW_MS)
    await go_deaf(desk, 12)
    await unheard_of(desk).step()
    await desk.record()

    told = {event.org_id: event.told for event in await events(desk)}
    assert {org_id: one.count for org_id, one in told.items()} == {desk.org_id: 25, other.id: 5}
    assert {org_id: len(one.examples) for org_id, one in told.items()} == {desk.org_id: 20, other.id: 5}


async def test_what_was_written_down_before_the_clock_was_stepped_back_hides_nothing(desk: Desk) -> None:
    await desk.monitor()
    unheard = unheard_of(desk)
    await desk.stage.listen(until=500)
    await go_deaf(desk, 12)
    await unheard.step()
    await desk.stage.move_to(400)
    await desk.stage.ping()
    hole = await go_deaf(desk, 12)

    assert await unheard.step() == 1
    assert await written(desk) == [
        (START_MS + 500_000, START_MS + 512_000),
        (START_MS + 399_000, hole[1]),
    ]


async def go_on_refusing(desk: Desk, until_s: float, unheard: Unheard) -> list[int]:
    """A ping is refused every second, and the recorder looks after each; when it wrote something down."""
    done = []
    for second in range((desk.stage.now_ms - START_MS) // 1000 + 1, int(until_s) + 1):
        await desk.stage.move_to(second)
        desk.stage.writer.confess(desk.stage.now_ms)
        await desk.stage.ping()
        done += [second] if await unheard.step() else []
    return done


async def test_one_that_lasts_is_told_after_a_minute_and_its_end_when_it_is_over(desk: Desk) -> None:
    await desk.monitor()
    unheard = unheard_of(desk)
    began_ms = desk.stage.now_ms

    assert await go_on_refusing(desk, 300, unheard) == [60]
    await desk.record()
    [lasting] = await events(desk)
    told_ms = began_ms + 45_000
    assert (lasting.from_ms, lasting.to_ms, lasting.told.goes_on) == (began_ms, told_ms, True)
    assert await written(desk) == [(began_ms, told_ms)]

    ended_ms = desk.stage.now_ms
    await desk.stage.listen(until=300 + CALM_S)
    assert [await unheard.step(), await unheard_of(desk).step()] == [1, 0]
    await desk.record()
    _, end = await events(desk)
    assert (end.from_ms, end.to_ms, end.told.goes_on) == (told_ms, ended_ms, False)
    assert await written(desk) == [(told_ms, ended_ms), (began_ms, told_ms)]


async def test_a_long_one_that_ended_a_moment_ago_is_not_said_to_last(desk: Desk) -> None:
    await desk.monitor()
    unheard = unheard_of(desk)
    began_ms, ended_ms = await go_deaf(desk, 120, calm_s=0)
    for second in range(CALM_S):
        await desk.stage.listen(until=(ended_ms - START_MS) / 1000 + second)
        assert await unheard.step() == 0
    await desk.stage.listen(until=(ended_ms - START_MS) / 1000 + CALM_S)
    assert await unheard.step() == 1
    await desk.record()
    [event] = await events(desk)
    assert (event.from_ms, event.to_ms, event.told.goes_on) == (began_ms, ended_ms, False)
