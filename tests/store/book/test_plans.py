"""Plans in the book: seeded, changed by a start, and told to Redis in the same transaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.book import orgs, outbox, plans
from store.book.bootstrap import prepare
from store.book.database import CONFIG_DB, ConfigBook
from store.book.orgs import OrgRow
from store.errors import NotFound, SettingError
from store.plans import Plan, PlanChange
from store.projection import Projection, PutPlan
from store.settings import Settings, read_settings
from tests.store.book.cast import NOW_MS


def settings_with(data: Path, toml: str = "", **environ: str) -> Settings:
    data.mkdir(exist_ok=True)
    file = data / "overdue.toml"
    file.write_text(toml, encoding="utf-8")
    return read_settings({"OVERDUE_DATA": str(data), **environ}, file)


async def waiting(book: ConfigBook) -> list[Projection]:
    return [row.projection for row in await outbox.pending(book, 100)]


async def change(book: ConfigBook, name: str, **limits: int) -> None:
    async with book.write() as tx:
        await plans.change(tx, PlanChange(name, limits), NOW_MS)


async def move(book: ConfigBook, org: str, plan: str) -> None:
    async with book.write() as tx:
        await orgs.move(tx, await orgs.by_name(tx, org), plan, NOW_MS)


async def test_four_plans_are_there_from_the_beginning_the_smallest_first(book: ConfigBook) -> None:
    seeded = await plans.all_plans(book)

    assert [(plan.name, plan.least_interval_s) for plan in seeded] == [
        ("free", 600),
        ("starter", 60),
        ("pro", 10),
        ("unlimited", 1),
    ]
    assert seeded[-1] == Plan(
        name="unlimited",
        min_interval_s=0,
        pings_per_minute=0,
        monitors=0,
        history_days=0,
        writes_per_minute=0,
    )


async def test_every_seeded_plan_lets_all_of_its_monitors_ping_in_one_minute(book: ConfigBook) -> None:
    for plan in await plans.all_plans(book):
        assert plan.pings_per_minute == 0 or plan.pings_per_minute >= plan.monitors


async def test_a_changed_plan_is_told_for_each_organisation_that_has_it(book: ConfigBook) -> None:
    first = await orgs.create(book, "first", NOW_MS, "pro")
    await orgs.create(book, "second", NOW_MS, "free")
    third = await orgs.create(book, "third", NOW_MS, "pro")
    before = len(await waiting(book))

    await change(book, "pro", min_interval_s=5)

    told = (await waiting(book))[before:]
    assert told == [PutPlan(first.id, 2, 5, 10_000), PutPlan(third.id, 2, 5, 10_000)]


async def test_what_a_change_leaves_out_stays_and_no_difference_is_no_change(book: ConfigBook) -> None:
    await orgs.create(book, "first", NOW_MS, "pro")
    former = await plans.by_name(book, "pro")
    before = await waiting(book)

    await change(book, "pro", min_interval_s=10)
    await change(book, "pro")

    assert await plans.by_name(book, "pro") == former
    assert await waiting(book) == before


async def test_a_new_plan_has_only_the_limits_that_it_names(book: ConfigBook) -> None:
    await change(book, "huge", monitors=7)

    assert await plans.by_name(book, "huge") == Plan(
        name="huge",
        min_interval_s=0,
        pings_per_minute=0,
        monitors=7,
        history_days=0,
        writes_per_minute=1000,
    )


async def test_a_change_that_is_undone_tells_nobody(book: ConfigBook) -> None:
    await orgs.create(book, "first", NOW_MS, "pro")
    before = await waiting(book)

    with pytest.raises(RuntimeError):
        async with book.write() as tx:
            await plans.change(tx, PlanChange("pro", {"min_interval_s": 1}), NOW_MS)
            raise RuntimeError

    assert (await plans.by_name(book, "pro")).min_interval_s == 10
    assert await waiting(book) == before


async def test_moving_an_organisation_is_told_with_a_greater_version(book: ConfigBook, org: OrgRow) -> None:
    assert await waiting(book) == []  # without limits there was nothing to be told

    await move(book, "ours", "free")
    await move(book, "ours", "free")
    await move(book, "ours", "unlimited")

    assert await waiting(book) == [PutPlan(org.id, 1, 600, 60), PutPlan(org.id, 2, 0, 0)]
    assert (await orgs.by_name(book, "ours")).plan == "unlimited"


async def test_a_plan_that_is_not_there_is_refused_with_those_that_are(book: ConfigBook, org: OrgRow) -> None:
    for attempt in (move(book, "ours", "gold"), orgs.create(book, "new", NOW_MS, "gold")):
        with pytest.raises(NotFound, match="'gold'; there are free, starter, pro, unlimited"):
            await attempt


async def test_a_start_applies_what_the_file_says_of_plans(tmp_path: Path) -> None:
    await prepare(settings_with(tmp_path, "[plans.gold]\nmin_interval = 3\n", OVERDUE_PLAN="gold"))
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        org = await orgs.by_name(book, orgs.DEFAULT_ORG)
        assert org.plan == "gold"
        assert await waiting(book) == [PutPlan(org.id, 1, 3, 0)]

        await prepare(settings_with(tmp_path, "[plans.gold]\nmin_interval = 4\npings_per_minute = 9\n"))

        assert (await waiting(book))[1:] == [PutPlan(org.id, 2, 4, 9)]


async def test_a_plan_that_leaves_the_file_stays_as_it_was(tmp_path: Path) -> None:
    await prepare(settings_with(tmp_path, "[plans.gold]\nmin_interval = 3\n", OVERDUE_PLAN="gold"))
    await prepare(settings_with(tmp_path))

    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        assert (await plans.by_name(book, "gold")).min_interval_s == 3
        assert (await orgs.by_name(book, orgs.DEFAULT_ORG)).plan == "gold"


async def test_the_first_organisation_is_unlimited_until_somebody_says_otherwise(tmp_path: Path) -> None:
    await prepare(settings_with(tmp_path))
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        assert (await orgs.by_name(book, orgs.DEFAULT_ORG)).plan == "unlimited"
        await move(book, orgs.DEFAULT_ORG, "pro")

        await prepare(settings_with(tmp_path))
        assert (await orgs.by_name(book, orgs.DEFAULT_ORG)).plan == "pro"

        await prepare(settings_with(tmp_path, OVERDUE_PLAN="free"))
        assert (await orgs.by_name(book, orgs.DEFAULT_ORG)).plan == "free"


async def test_a_start_with_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="OVERDUE_PLAN: There is no plan named 'gold'; there are free"):
        await prepare(settings_with(tmp_path, OVERDUE_PLAN="gold"))


async def test_monitors_are_counted_by_organisation(book: ConfigBook, org: OrgRow) -> None:
    assert await orgs.count_monitors(book, org.id) == 0
    assert await orgs.count_all_monitors(book) == {}
