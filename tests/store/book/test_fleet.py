"""A fleet at a glance, and how it is known that it was changed."""

from __future__ import annotations

import pytest

from store.book import fleet, monitors, orgs
from store.book.database import ConfigBook
from store.book.fleet import BEYOND_ALL
from store.book.monitors import MonitorChanges, MonitorRow, NewMonitor
from store.book.orgs import OrgRow
from tests.store.book.cast import NOW_MS


async def made(book: ConfigBook, org_id: int, name: str, *tags: str) -> MonitorRow:
    new = NewMonitor(org_id=org_id, name=name, interval_s=60, grace_s=30, origin="monitors", tags=tags)
    return (await monitors.create(book, new, NOW_MS))[0]


async def test_a_glance_says_what_the_whole_row_says(book: ConfigBook, org: OrgRow) -> None:
    row = await made(book, org.id, "STRAßE")

    (one,) = await fleet.glances(book, org.id, BEYOND_ALL, 10)

    assert (one.id, one.public_id, one.name) == (row.config.id, str(row.config.public_id), "STRAßE")
    assert (one.interval_s, one.grace_s, one.paused, one.created_ms) == (60, 30, False, NOW_MS)
    assert (one.folded, one.limit_ms) == ("strasse", row.config.limit_ms)


async def test_glances_come_newest_first_in_pages_and_only_those_of_the_organisation(
    book: ConfigBook, org: OrgRow
) -> None:
    other = await orgs.create(book, "other", NOW_MS)
    for name in ("a", "b", "c"):
        await made(book, org.id, name)
        await made(book, other.id, "theirs")

    first = await fleet.glances(book, org.id, BEYOND_ALL, 2)
    rest = await fleet.glances(book, org.id, first[-1].id, 2)

    assert [one.name for one in first + rest] == ["c", "b", "a"]


async def test_every_change_of_a_monitor_or_its_tags_is_counted_for_its_organisation(
    book: ConfigBook, org: OrgRow
) -> None:
    other = await orgs.create(book, "other", NOW_MS)
    seen = [await fleet.changes(book, org.id)]

    row = await made(book, org.id, "a")
    seen.append(await fleet.changes(book, org.id))
    for changes in (
        MonitorChanges(name="b"),
        MonitorChanges(tags=("x",)),
        MonitorChanges(tags=("y",)),
        MonitorChanges(tags=()),
        MonitorChanges(paused=True),
    ):
        await monitors.change(book, org.id, row.config.public_id, changes, NOW_MS)
        seen.append(await fleet.changes(book, org.id))
    await monitors.delete(book, org.id, row.config.public_id, NOW_MS)
    seen.append(await fleet.changes(book, org.id))

    assert seen == sorted(set(seen))
    assert await fleet.changes(book, other.id) == 0


async def test_tags_are_found_counted_and_told_in_their_order(book: ConfigBook, org: OrgRow) -> None:
    other = await orgs.create(book, "other", NOW_MS)
    a = (await made(book, org.id, "a", "z", "m")).config.id
    b = (await made(book, org.id, "b", "m")).config.id
    theirs = (await made(book, other.id, "c", "m", "secret")).config.id

    assert await fleet.tagged(book, org.id, "m") == {a, b}
    assert await fleet.common_tags(book, org.id, 10) == ["m", "z"]
    assert await fleet.common_tags(book, org.id, 1) == ["m"]
    assert await fleet.tags_of(book, org.id, [a, b, theirs]) == {a: ["z", "m"], b: ["m"], theirs: []}


async def test_names_are_told_of_the_organisations_own_monitors_only(book: ConfigBook, org: OrgRow) -> None:
    other = await orgs.create(book, "other", NOW_MS)
    ours, theirs = await made(book, org.id, "ours"), await made(book, other.id, "theirs")
    ids = [ours.config.public_id, theirs.config.public_id]

    assert await fleet.names_of(book, org.id, ids) == {ids[0]: "ours"}
    assert await fleet.names_of(book, org.id, []) == {}


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        (fleet.GLANCES, (1, 5, 10)),
        (fleet.TAGGED, (1, "t")),
        (fleet.CHANGES, (1,)),
        (fleet.TAGS_OF.format(marks="?, ?"), (1, 5, 6)),
    ],
)
async def test_no_question_walks_a_whole_table(book: ConfigBook, sql: str, values: tuple[int, ...]) -> None:
    plan = [row["detail"] for row in await book.rows(f"EXPLAIN QUERY PLAN {sql}", values)]

    assert plan
    assert not [line for line in plan if line.startswith("SCAN ") and "json" not in line]
