"""Ticks and maintenance windows are kept ahead in Redis, whatever changes and however long it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from store.book import maintenance, monitors, rule_changes
from store.book.database import CONFIG_DB
from store.book.maintenance import Window
from store.book.monitors import MonitorChanges, MonitorRow, NewMonitor
from store.errors import Unavailable
from store.live.refreshing import Taken
from store.maintenance import Once
from store.monitor import deadline_of, status_of
from store.recorder import keeper as keeper_module
from store.recorder.keeper import SETTLED_S, Keeper
from store.wishes import WishChanges, asked_anew
from tests.stage import START_MS, Stage
from tests.store.recorder.cast import Desk

START_S = START_MS // 1000
HOUR_S, DAY_S = 3600, 86_400


class Office(Desk):
    """A desk with a keeper; moments are seconds after the start of the stage, which is 08:00 UTC."""

    def begin(self) -> None:
        super().begin()
        self.begin_keeping()

    def begin_keeping(self) -> None:
        """A keeper starts that knows of nothing."""
        self.keeper = Keeper(self.stage.live, self.data / CONFIG_DB)

    async def scheduled(self, schedule: str = "0 * * * *", *tags: str) -> MonitorRow:
        wishes, interval_s = asked_anew(WishChanges(schedule=schedule), None, 60)
        return await self.made(interval_s, tags, wishes=wishes)

    async def plain(self, *tags: str) -> MonitorRow:
        return await self.made(HOUR_S, tags)

    async def made(self, interval_s: int, tags: tuple[str, ...], **more: object) -> MonitorRow:
        new = NewMonitor(
            org_id=self.org_id,
            name="job",
            interval_s=interval_s,
            grace_s=60,
            origin="monitors",
            tags=tags,
            **more,  # type: ignore[arg-type]
        )
        row, change = await monitors.create(self.book, new, self.stage.now_ms)
        await self.stage.live.project(change.projection)
        return row

    async def window(self, from_s: int, to_s: int, *tags: str, named: tuple[UUID, ...] = ()) -> UUID:
        window = Window(
            name="update",
            times=Once(START_S + from_s, START_S + to_s),
            is_for_all=not (tags or named),
            tags=tags,
            monitors=named,
        )
        made = await maintenance.create(self.book, self.org_id, window, self.stage.now_ms)
        return made.public_id

    async def deadline_of(self, row: MonitorRow) -> float | None:
        """As people are told of it."""
        _, (state,) = await self.stage.live.states([row.config.id])
        deadline_ms = deadline_of(row.config, state)
        return None if deadline_ms is None else (deadline_ms - START_MS) / 1000

    async def packed(self, row: MonitorRow) -> bytes | None:
        found: bytes | None = await self.stage.redis.hget(self.stage.shard.keys.rules, str(row.config.id))
        return found

    async def leap(self, second: float) -> None:
        """Time passes, and all of it was listened to."""
        await self.stage.redis.delete(self.stage.shard.keys.blind)
        await self.stage.move_to(second)
        await self.stage.ping()
        await self.stage.redis.delete(self.stage.shard.keys.blind)


@pytest.fixture
async def office(desk: Desk, stage: Stage) -> AsyncIterator[Office]:
    office = Office(stage, desk.data, desk.book)
    office.org_id = desk.org_id
    office.begin()
    yield office
    await office.end()


async def test_a_monitor_with_a_schedule_is_due_by_it_for_as_long_as_the_keeper_lives(office: Office) -> None:
    """Two weeks of an hourly job, which is far longer than the ticks reach that it was made with."""
    row = await office.scheduled()
    for hour in range(1, 14 * 24, 17):
        await office.leap(hour * HOUR_S + 10)
        await office.keeper.step()
        await office.stage.ping(row.config.id)
        assert await office.deadline_of(row) == (hour + 1) * HOUR_S + 60


async def test_and_no_longer_than_its_ticks_reach_without_one(office: Office) -> None:
    row = await office.scheduled()
    await office.leap(121 * HOUR_S)
    await office.stage.ping(row.config.id)
    assert await office.deadline_of(row) is None
    await office.keeper.step()
    assert await office.deadline_of(row) == 122 * HOUR_S + 60


async def test_nothing_is_worked_out_again_while_nothing_is_due(office: Office) -> None:
    await office.scheduled()
    assert await office.keeper.step() == 1
    assert [await office.keeper.step() for _ in range(3)] == [0, 0, 0]


async def test_a_change_is_followed_and_once_more_when_it_has_settled(office: Office) -> None:
    row = await office.scheduled()
    await office.keeper.step()
    await office.change(row, MonitorChanges(wishes=WishChanges(schedule="30 * * * *")))
    assert await office.keeper.step() == 1
    await office.leap(20)
    assert [await office.keeper.step(), await office.keeper.step()] == [1, 0]
    assert await office.deadline_of(row) == 1860


async def test_a_window_silences_the_monitors_that_it_names_and_no_others(office: Office) -> None:
    tagged, named, other = await office.plain("db"), await office.plain(), await office.plain()
    await office.keeper.step()
    await office.window(1800, 2 * HOUR_S, "db", named=(named.config.public_id,))
    assert await office.keeper.step() == 2
    usual = HOUR_S + 60
    assert await office.deadline_of(tagged) == 2 * HOUR_S + usual
    assert await office.deadline_of(named) == 2 * HOUR_S + usual
    assert await office.deadline_of(other) == usual


async def test_a_window_for_all_silences_also_who_comes_later(office: Office) -> None:
    before = await office.plain()
    await office.window(1800, 2 * HOUR_S)
    after = await office.plain()
    assert await office.deadline_of(after) == 3 * HOUR_S + 60
    await office.keeper.step()
    assert await office.deadline_of(before) == 3 * HOUR_S + 60


async def test_a_window_that_is_gone_silences_nobody(office: Office) -> None:
    row = await office.plain()
    window = await office.window(1800, 2 * HOUR_S)
    await office.keeper.step()
    await maintenance.delete(office.book, office.org_id, window)
    await office.keeper.step()
    assert await office.deadline_of(row) == HOUR_S + 60
    assert await office.packed(row) is None


@pytest.mark.parametrize("kept_s", [0, SETTLED_S])
async def test_a_window_that_was_deleted_while_nobody_kept_them_silences_nobody(
    office: Office, kept_s: int
) -> None:
    tagged, named = await office.plain("db"), await office.plain()
    window = await office.window(1800, 2 * HOUR_S, "db", named=(named.config.public_id,))
    other = await office.plain()
    for second in (0, 16, kept_s + 16):
        await office.leap(second)
        await office.keeper.step()
    await maintenance.delete(office.book, office.org_id, window)
    await office.window(1800, 2 * HOUR_S, "another tag")
    office.begin_keeping()
    # What the first keeper had seen to is not done again.
    assert await office.keeper.step() == (2 if kept_s else 3)
    assert [await office.deadline_of(one) for one in (tagged, named, other)] == [HOUR_S + 60] * 3
    assert await office.packed(tagged) is None


async def test_a_new_keeper_keeps_ahead_what_its_predecessor_had_seen_to(office: Office) -> None:
    row = await office.scheduled()
    for second in (0, 16, 50):
        await office.leap(second)
        await office.keeper.step()
    office.begin_keeping()
    await office.leap(60)
    await office.keeper.step()
    await office.leap(20 * DAY_S)
    await office.keeper.step()
    await office.stage.ping(row.config.id)
    assert await office.deadline_of(row) == 20 * DAY_S + HOUR_S + 60


async def test_a_new_keeper_finds_what_the_journal_has_lost(office: Office) -> None:
    row = await office.scheduled()
    gone = await office.plain()
    for second in (0, 16, 50):
        await office.leap(second)
        await office.keeper.step()
    window = await office.window(1800, 2 * HOUR_S, named=(gone.config.public_id,))
    await office.keeper.step()
    await maintenance.delete(office.book, office.org_id, window)
    async with office.book.write() as tx:
        await tx.execute("DELETE FROM rule_changes WHERE id <= (SELECT max(id) - 1 FROM rule_changes)")
    office.begin_keeping()
    assert await office.keeper.step() == 2
    assert await office.packed(row)
    assert await office.packed(gone) is None


@pytest.mark.parametrize("seconds", [(0, 16, 50), (0, 16, 50, 90, 130)])
async def test_a_new_keeper_ends_a_window_of_which_neither_books_nor_journal_know(
    office: Office, seconds: tuple[int, ...]
) -> None:
    gone = await office.plain()
    for second in seconds:
        await office.leap(second)
        await office.keeper.step()
    window = await office.window(1800, 2 * HOUR_S, named=(gone.config.public_id,))
    await office.keeper.step()
    await maintenance.delete(office.book, office.org_id, window)
    async with office.book.write() as tx:
        await rule_changes.note_org(tx, org_id=999)
        await tx.execute("DELETE FROM rule_changes WHERE id < (SELECT max(id) FROM rule_changes)")
    office.begin_keeping()
    await office.keeper.step()
    assert await office.packed(gone) is None
    assert await office.deadline_of(gone) == HOUR_S + 60


async def test_a_journal_that_was_cut_hides_neither_a_window_that_came_nor_one_that_came_and_went(
    office: Office,
) -> None:
    """The keeper, which has kept nothing so far, was away for longer than the journal reaches back."""
    silent = await office.plain("db")
    await office.keeper.step()
    await office.window(1800, 2 * HOUR_S, "db")
    window = await office.window(1800, 2 * HOUR_S, "web")
    gone = await office.plain("web")
    assert await office.packed(gone)
    await maintenance.delete(office.book, office.org_id, window)
    async with office.book.write() as tx:
        await rule_changes.note_org(tx, org_id=999)
        await tx.execute("DELETE FROM rule_changes WHERE id < (SELECT max(id) FROM rule_changes)")
    await office.keeper.step()
    assert [await office.deadline_of(one) for one in (silent, gone)] == [3 * HOUR_S + 60, HOUR_S + 60]


async def test_rules_of_a_version_that_redis_does_not_have_yet_are_given_to_it_when_it_has(
    office: Office,
) -> None:
    """A change that waits in the outbox was worked out before the window was made."""
    row = await office.plain()
    await office.keeper.step()
    changes = MonitorChanges(name="renamed")
    _, change = await monitors.change(office.book, office.org_id, row.config.public_id, changes, START_MS)
    assert change is not None
    await office.window(1800, 2 * HOUR_S)
    for second in range(1, 40, 3):
        await office.leap(second)
        assert await office.keeper.step() == 1
    await office.stage.live.project(change.projection)
    assert await office.deadline_of(row) == HOUR_S + 60
    await office.leap(41)
    assert await office.keeper.step() == 1
    assert await office.deadline_of(row) == 3 * HOUR_S + 60


async def test_a_tag_that_comes_and_goes_brings_its_window(office: Office) -> None:
    row = await office.plain()
    await office.window(1800, 2 * HOUR_S, "db")
    await office.keeper.step()
    await office.change(row, MonitorChanges(tags=("db",)))
    await office.keeper.step()
    assert await office.deadline_of(row) == 3 * HOUR_S + 60
    await office.change(row, MonitorChanges(tags=()))
    await office.keeper.step()
    assert await office.deadline_of(row) == HOUR_S + 60


async def test_what_is_quiet_is_not_told_and_what_follows_is(office: Office) -> None:
    row = await office.plain()
    await office.window(1800, 2 * HOUR_S)
    await office.keeper.step()
    await office.leap(2 * HOUR_S)
    await office.stage.sweep()
    _, (state,) = await office.stage.live.states([row.config.id])
    assert status_of(row.config, state, office.stage.now_ms) == "new"
    await office.leap(3 * HOUR_S + 61)
    await office.stage.sweep()
    assert [event.kind.name for event in await office.stage.events()] == ["DOWN"]


async def test_a_keeper_that_was_away_catches_up(office: Office) -> None:
    """More changes than the journal keeps, while nobody reads it."""
    row = await office.scheduled()
    await office.keeper.step()
    async with office.book.write() as tx:
        for _ in range(3):
            await rule_changes.note_org(tx, org_id=999)
        await tx.execute("DELETE FROM rule_changes WHERE id <= (SELECT max(id) - 1 FROM rule_changes)")
    assert await office.keeper.step() == 1
    assert await office.packed(row)


async def test_what_redis_could_not_take_is_given_to_it_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await office.plain()
    await office.keeper.step()
    await office.window(1800, 2 * HOUR_S)

    async def away(*_: object) -> list[Taken]:
        raise Unavailable("Redis is away")

    with monkeypatch.context() as patch, pytest.raises(Unavailable):
        patch.setattr(keeper_module, "refresh_rules", away)
        await office.keeper.step()
    assert await office.keeper.step() == 1
    assert await office.deadline_of(row) == 3 * HOUR_S + 60


async def test_a_monitor_that_was_deleted_is_forgotten(office: Office) -> None:
    row = await office.scheduled()
    await office.keeper.step()
    await office.delete(row)
    await office.leap(200 * HOUR_S)
    await office.keeper.step()
    assert await office.packed(row) is None
    assert await office.keeper.step() == 0


async def test_the_rules_that_travel_with_a_change_are_those_that_the_keeper_finds(office: Office) -> None:
    row = await office.scheduled("*/7 2-4 * * 1-5")
    await office.window(1800, 2 * HOUR_S)
    await office.change(row, MonitorChanges(name="renamed"))
    travelled = await office.packed(row)
    assert travelled
    await office.keeper.step()
    assert await office.packed(row) == travelled


async def test_prometheus_sees_how_far_ahead_the_nearest_end_is(office: Office) -> None:
    await office.keeper.step()
    assert REGISTRY.get_sample_value("overdue_rules_ahead_seconds") == float("inf")
    await office.scheduled()
    await office.keeper.step()
    assert REGISTRY.get_sample_value("overdue_rules_ahead_seconds") == 120 * HOUR_S
