"""Threshold rules in maintenance windows: samples are kept, breaches not told; what lasts is told afterwards."""

from __future__ import annotations

from uuid import UUID

import pytest

from store.book import maintenance
from store.book.maintenance import Window
from store.book.monitors import MonitorChanges
from store.maintenance import ByCron, Once, Recurrence, Weekly
from tests.stage import START_MS
from tests.store.recorder.cast import Desk, Killed
from tests.store.recorder.test_alerting import dies

START_S = START_MS // 1000
NAMED, TAGGED, ALL = "named", "tagged", "all"


def once(from_s: int, to_s: int) -> Once:
    return Once(START_S + from_s, START_S + to_s)


async def window(
    desk: Desk, times: Recurrence, *, tags: tuple[str, ...] = (), named: tuple[UUID, ...] = ()
) -> UUID:
    asked = Window(name="move", times=times, is_for_all=not (tags or named), tags=tags, monitors=named)
    return (await maintenance.create(desk.book, desk.org_id, asked, START_MS)).public_id


@pytest.mark.parametrize("whom", [ALL, TAGGED, NAMED])
async def test_a_breach_in_a_window_is_kept_and_told_when_it_lasts_beyond_the_window(
    desk: Desk, whom: str
) -> None:
    monitor, other = await desk.monitor(), await desk.monitor()
    await desk.change(monitor, MonitorChanges(tags=("db",)))
    rule, others = await desk.rule(monitor), await desk.rule(other)
    tags = ("db",) if whom == TAGGED else ()
    named = (monitor.config.public_id,) if whom == NAMED else ()
    await window(desk, once(2, 5), tags=tags, named=named)

    await desk.values(monitor, 5, 5, 11, 12, 13, 14, 5)

    assert await desk.told() == [("breached", 14.0, 5.0), ("cleared", 5.0, 6.0)]
    assert await desk.incidents(monitor) == [(5.0, 6.0)]
    key = (await desk.samples.keys(monitor.config.id)).keys[0]
    assert (key.key, key.last) == ("load", 5.0)
    assert desk.rows("SELECT sum(count) FROM minutes_20270115") == [(7,)]
    assert {event.told.public_id for event in await desk.raised()} == {rule.public_id}

    await window(desk, once(7, 60), tags=tags, named=named)
    await desk.values(other, 11)
    concerned = whom == ALL
    assert (others.public_id in {event.told.public_id for event in await desk.raised()}) is not concerned


@pytest.mark.parametrize(
    "times",
    [once(-60, 60), Weekly(("fri",), "07:59", 120), ByCron("59 2 * * *", 120, "America/New_York")],
    ids=["once", "weekly", "cron"],
)
async def test_every_kind_of_window_silences_for_as_long_as_it_is_on(desk: Desk, times: Recurrence) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await window(desk, times)
    await desk.pass_seconds(59)

    await desk.values(monitor, 11, 12)

    assert await desk.told() == [("breached", 12.0, 60.0)]


async def test_what_broke_before_a_window_and_is_mended_in_it_is_told(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await window(desk, once(1, 5))

    await desk.values(monitor, 11, 12, 5, 13)

    assert await desk.told() == [("breached", 11.0, 0.0), ("cleared", 5.0, 2.0)]


async def test_breaches_in_a_window_count_for_nothing_and_a_value_inside_ends_the_row(desk: Desk) -> None:
    monitor, mended = await desk.monitor(), await desk.monitor()
    rule, other = await desk.rule(monitor, times=3), await desk.rule(mended, times=2)
    await window(desk, once(2, 4))

    await desk.values(monitor, 11, 12, 13, 14)
    standing = await desk.standing(rule)
    assert standing is not None
    assert standing.streak == 2

    await desk.values(monitor, 15)
    assert await desk.told() == [("breached", 15.0, 4.0)]

    await desk.ping(mended, {"load": 11}, at=1)
    await desk.ping(mended, {"load": 5}, at=3)
    await desk.values(mended, 12)
    assert other.public_id not in {event.told.public_id for event in await desk.raised()}


async def test_a_window_that_comes_changes_or_goes_is_followed_at_once(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 5)
    made = await window(desk, once(0, 60))
    await desk.values(monitor, 11)
    asked = Window(name="move", times=once(0, 60), is_for_all=False, tags=("db",))
    await maintenance.change(desk.book, desk.org_id, made, asked)
    await desk.values(monitor, 12, 5)
    await desk.change(monitor, MonitorChanges(tags=("db",)))
    await desk.values(monitor, 13)
    await desk.change(monitor, MonitorChanges(tags=("web",)))
    await desk.values(monitor, 14, 5)
    await desk.change(monitor, MonitorChanges(tags=("web", "db")))
    await desk.values(monitor, 15)
    await maintenance.delete(desk.book, desk.org_id, made)
    await desk.values(monitor, 16)

    assert [value for kind, value, _ in await desk.told() if kind == "breached"] == [12.0, 14.0, 16.0]


async def test_a_sample_that_is_recorded_late_is_judged_by_its_own_moment(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await window(desk, once(10, 20))
    await desk.pass_seconds(30)
    await desk.ping(monitor, {"load": 11}, at=15)
    await desk.record()
    assert await desk.told() == []

    await desk.ping(monitor, {"load": 12}, at=25)
    await desk.record()
    assert await desk.told() == [("breached", 12.0, 25.0)]


async def test_at_the_end_of_a_window_a_killed_recorder_tells_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await window(desk, once(0, 1))
    await desk.ping(monitor, {"load": 11}, at=0)
    await desk.pass_seconds(1)
    await desk.ping(monitor, {"load": 12})
    with monkeypatch.context() as patch:
        patch.setattr(desk.writer, "set_position", dies)
        with pytest.raises(Killed):
            await desk.record()

    await desk.begin_again()
    await desk.record()

    assert await desk.told() == [("breached", 12.0, 1.0)]


async def test_other_organisations_windows_concern_nobody_here(desk: Desk) -> None:
    monitor = await desk.monitor()
    await desk.change(monitor, MonitorChanges(tags=("db",)))
    await desk.rule(monitor)
    async with desk.book.write() as tx:
        stranger = await tx.insert(
            "INSERT INTO orgs (public_id, name, created_ms) VALUES ('their id', 'theirs', 0)", ()
        )
    ours, desk.org_id = desk.org_id, stranger
    await window(desk, once(0, 60))
    await window(desk, once(0, 60), tags=("db",))
    desk.org_id = ours

    await desk.values(monitor, 11)

    assert await desk.told() == [("breached", 11.0, 0.0)]
