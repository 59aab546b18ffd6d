"""Monitors in the book: every change comes with the message that tells Redis."""

from __future__ import annotations

import asyncio
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from store.book import monitor_rows, monitors, orgs, outbox, plans
from store.book.database import CONFIG_DB, ConfigBook
from store.book.monitors import MonitorChanges
from store.book.names import slug_of
from store.book.orgs import OrgRow
from store.errors import LimitReached, NotFound
from store.plans import PlanChange
from store.projection import DropMonitor, PutMonitor, key_digest
from tests.store.book.cast import NOW_MS, new_monitor


async def test_a_new_monitor_is_written_with_its_message_to_redis(book: ConfigBook, org: OrgRow) -> None:
    row, change = await monitors.create(book, new_monitor(org.id), NOW_MS)

    assert row == await monitors.find(book, org.id, row.config.public_id)
    assert (row.config.version, row.config.paused, row.created_ms) == (1, False, NOW_MS)
    assert change.subject == f"monitor:{row.config.id}"
    assert change.projection == PutMonitor(row.config, (key_digest(row.token.encode()),))
    assert await outbox.pending(book, 10) == [change]


async def test_the_second_spelling_gives_a_token_and_no_short_key(book: ConfigBook, org: OrgRow) -> None:
    row, _ = await monitors.create(book, new_monitor(org.id, origin="monitors"), NOW_MS)

    assert re.fullmatch("[A-Za-z0-9]{22}", row.token)
    assert row.short_key is None


async def test_the_first_spelling_gives_both_keys_and_redis_is_told_both(
    book: ConfigBook, org: OrgRow
) -> None:
    row, change = await monitors.create(book, new_monitor(org.id, origin="heartbeats"), NOW_MS)

    assert row.short_key is not None
    assert re.fullmatch("nightly-db-backup-[0-9a-f]{8}", row.short_key)
    assert isinstance(change.projection, PutMonitor)
    assert change.projection.digests == (key_digest(row.token.encode()), key_digest(row.short_key.encode()))


async def test_a_short_key_that_is_taken_is_drawn_again(
    book: ConfigBook, org: OrgRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: Iterator[str] = iter(["aaaaaaaa", "aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(drawn))

    rows = [
        (await monitors.create(book, new_monitor(org.id, "job", "heartbeats"), NOW_MS))[0] for _ in range(2)
    ]

    assert [row.short_key for row in rows] == ["job-aaaaaaaa", "job-bbbbbbbb"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Nightly DB Backup", "nightly-db-backup"),
        ("  --Über_Größe!! 2 ", "ber-gr-e-2"),
        ("日本語", "monitor"),
        ("\u212a", "monitor"),  # KELVIN SIGN, whose lower case is an ASCII k
        ("x" * 200, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_slug_is_plain_ascii(name: str, slug: str) -> None:
    assert slug_of(name) == slug


async def test_a_change_raises_the_version_and_tells_redis(book: ConfigBook, org: OrgRow) -> None:
    row, _ = await monitors.create(book, new_monitor(org.id), NOW_MS)

    changed, change = await monitors.change(
        book, org.id, row.config.public_id, MonitorChanges(interval_s=10, paused=True), NOW_MS
    )

    assert (changed.config.interval_s, changed.config.grace_s, changed.config.paused) == (10, 30, True)
    assert changed.config.version == 2
    assert change is not None
    assert change.projection == PutMonitor(changed.config, changed.digests)
    assert changed == await monitors.find(book, org.id, row.config.public_id)


@pytest.mark.parametrize("changes", [MonitorChanges(), MonitorChanges(interval_s=60, paused=False)])
async def test_a_change_without_a_difference_writes_nothing(
    book: ConfigBook, org: OrgRow, changes: MonitorChanges
) -> None:
    row, created = await monitors.create(book, new_monitor(org.id), NOW_MS)

    assert await monitors.change(book, org.id, row.config.public_id, changes, NOW_MS) == (row, None)
    assert await outbox.pending(book, 10) == [created]


async def test_a_deleted_monitor_is_gone_with_its_keys_and_redis_is_told(
    book: ConfigBook, org: OrgRow
) -> None:
    row, _ = await monitors.create(book, new_monitor(org.id, origin="heartbeats"), NOW_MS)

    _, change = await monitors.delete(book, org.id, row.config.public_id, NOW_MS)

    assert change.projection == DropMonitor(row.config.id, 2, row.digests)
    assert await book.rows("SELECT * FROM monitor_keys") == []
    with pytest.raises(NotFound):
        await monitors.find(book, org.id, row.config.public_id)


async def test_the_id_of_a_deleted_monitor_is_never_used_again(book: ConfigBook, org: OrgRow) -> None:
    first, _ = await monitors.create(book, new_monitor(org.id), NOW_MS)
    await monitors.delete(book, org.id, first.config.public_id, NOW_MS)

    second, _ = await monitors.create(book, new_monitor(org.id), NOW_MS)

    assert second.config.id == first.config.id + 1


async def test_what_belongs_to_another_organisation_is_not_there(
    book: ConfigBook, org: OrgRow, other_org: OrgRow
) -> None:
    row, _ = await monitors.create(book, new_monitor(org.id), NOW_MS)
    theirs: tuple[ConfigBook, int, UUID] = (book, other_org.id, row.config.public_id)

    assert await monitors.page(book, other_org.id, 0, 10) == []
    with pytest.raises(NotFound):
        await monitors.find(*theirs)
    with pytest.raises(NotFound):
        await monitors.change(*theirs, MonitorChanges(name="mine now"), NOW_MS)
    with pytest.raises(NotFound):
        await monitors.delete(*theirs, NOW_MS)
    assert await monitors.find(book, org.id, row.config.public_id) == row


async def test_pages_follow_each_other_without_gap_or_repeat(
    book: ConfigBook, org: OrgRow, other_org: OrgRow
) -> None:
    for owner in [org, other_org, org, org, other_org]:
        await monitors.create(book, new_monitor(owner.id), NOW_MS)

    first = await monitors.page(book, org.id, 0, 2)
    second = await monitors.page(book, org.id, first[-1].config.id, 2)

    assert [row.config.id for row in first + second] == [1, 3, 4]
    assert [row.config.id for row in await monitors.all_for_redis(book, 2, 2, NOW_MS)] == [3, 4]


async def test_a_change_that_cannot_be_told_is_not_made(
    book: ConfigBook, org: OrgRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, created = await monitors.create(book, new_monitor(org.id), NOW_MS)

    async def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(outbox, "add", fail)
    with pytest.raises(RuntimeError):
        await monitors.change(book, org.id, row.config.public_id, MonitorChanges(name="new"), NOW_MS)

    assert await monitors.find(book, org.id, row.config.public_id) == row
    assert await outbox.pending(book, 10) == [created]


async def test_what_is_settled_is_no_longer_pending(book: ConfigBook, org: OrgRow) -> None:
    changes = [(await monitors.create(book, new_monitor(org.id), NOW_MS))[1] for _ in range(3)]

    await outbox.settle(book, [changes[0].id, changes[1].id])
    await outbox.settle(book, [changes[0].id])
    await outbox.settle(book, [])

    assert await outbox.pending(book, 10) == [changes[2]]


async def test_an_outbox_row_that_cannot_be_read_holds_up_no_other(
    book: ConfigBook, org: OrgRow, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(tmp_path / CONFIG_DB, isolation_level=None)) as stranger:
        stranger.execute("INSERT INTO outbox (subject, payload, created_ms) VALUES ('odd', x'00', 1)")
    _, change = await monitors.create(book, new_monitor(org.id), NOW_MS)

    assert await outbox.pending(book, 10) == [change]
    assert "(odd) cannot be read" in caplog.text


async def test_an_unknown_id_is_not_found(book: ConfigBook, org: OrgRow) -> None:
    with pytest.raises(NotFound):
        await monitors.find(book, org.id, uuid4())


def tagged(org_id: int, *tags: str, name: str = "job") -> monitors.NewMonitor:
    return msgspec.structs.replace(new_monitor(org_id, name), tags=tags)


async def test_tags_keep_their_order_and_go_with_their_monitor(book: ConfigBook, org: OrgRow) -> None:
    row, _ = await monitors.create(book, tagged(org.id, "prod", "eu", "Ünï 🚀"), NOW_MS)
    public_id = row.config.public_id

    assert row.tags == ("prod", "eu", "Ünï 🚀")
    changed, _ = await monitors.change(book, org.id, public_id, MonitorChanges(tags=("eu", "db")), NOW_MS)
    assert changed.tags == (await monitors.find(book, org.id, public_id)).tags == ("eu", "db")
    await monitors.delete(book, org.id, public_id, NOW_MS)
    assert await book.rows("SELECT * FROM monitor_tags") == []


async def test_of_a_change_of_tags_redis_is_told_nothing(book: ConfigBook, org: OrgRow) -> None:
    row, made = await monitors.create(book, tagged(org.id, "prod"), NOW_MS)

    changed, change = await monitors.change(
        book, org.id, row.config.public_id, MonitorChanges(tags=()), NOW_MS
    )

    assert (changed.tags, changed.config, change) == ((), row.config, None)
    assert await outbox.pending(book, 10) == [made]


async def test_a_page_of_a_tag_has_only_the_monitors_of_the_organisation_that_have_it(
    book: ConfigBook, org: OrgRow, other_org: OrgRow
) -> None:
    for owner, tags in ((org, ("a", "b")), (other_org, ("a",)), (org, ("b",)), (org, ("a",)), (org, ())):
        await monitors.create(book, tagged(owner.id, *tags), NOW_MS)

    assert [row.config.id for row in await monitors.page(book, org.id, 0, 10, "a")] == [1, 4]
    assert [row.config.id for row in await monitors.page(book, org.id, 1, 10, "a")] == [4]
    assert [row.config.id for row in await monitors.page(book, org.id, 0, 1, "b")] == [1]
    assert await monitors.page(book, org.id, 0, 10, "A") == []


async def test_a_page_of_a_tag_is_found_by_index(book: ConfigBook) -> None:
    plan = await book.rows("EXPLAIN QUERY PLAN " + monitor_rows.PAGE_OF_TAG, (1, "a", 0, 10))

    steps = " / ".join(row["detail"] for row in plan)
    assert "monitor_tags_by_tag (org_id=? AND tag=? AND monitor_id>?)" in steps
    assert "TEMP B-TREE" not in steps


async def test_a_plan_has_room_for_so_many_monitors_and_what_is_there_stays(
    book: ConfigBook, org: OrgRow, other_org: OrgRow
) -> None:
    rows = [(await monitors.create(book, new_monitor(org.id), NOW_MS))[0] for _ in range(3)]
    async with book.write() as tx:
        await plans.change(tx, PlanChange("small", {"monitors": 2}), NOW_MS)
        await orgs.move(tx, org, "small", NOW_MS)
    await monitors.create(book, new_monitor(other_org.id), NOW_MS)

    with pytest.raises(LimitReached, match="'small' has room for 2 monitors") as refusal:
        await monitors.create(book, new_monitor(org.id), NOW_MS)

    assert refusal.value.limit == 2
    assert await orgs.count_monitors(book, org.id) == 3
    for row in rows[:2]:
        await monitors.delete(book, org.id, row.config.public_id, NOW_MS)
    await monitors.create(book, new_monitor(org.id), NOW_MS)


async def test_monitors_made_at_once_do_not_slip_past_the_limit(book: ConfigBook, org: OrgRow) -> None:
    async with book.write() as tx:
        await plans.change(tx, PlanChange("small", {"monitors": 3}), NOW_MS)
        await orgs.move(tx, org, "small", NOW_MS)

    made = await asyncio.gather(
        *(monitors.create(book, new_monitor(org.id), NOW_MS) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(one, LimitReached) for one in made) == 5
    assert await orgs.count_monitors(book, org.id) == 3
