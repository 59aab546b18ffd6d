"""Plans reach Redis from the books: through the outbox when they change, and again after Redis was emptied."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.book import installation, monitors, orgs, outbox, plans
from store.book.bootstrap import prepare
from store.book.database import CONFIG_DB, ConfigBook
from store.book.history_reader import HISTORY_DB, HistoryReader
from store.keeping import drain_outbox
from store.live.heads import Outcome
from store.plans import PlanChange
from store.rebuild import rebuild_if_empty
from tests.stage import GENERATION, Stage
from tests.store.book.cast import new_monitor, settings_of

LONG_AGO_MS = 1  # what is younger than now may be under way with the call that made it


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[ConfigBook]:
    """The book of an installation that Redis holds already."""
    await prepare(settings_of(tmp_path))
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        await installation.set_generation(book, GENERATION)
        yield book


async def limits_in_redis(stage: Stage) -> dict[int, tuple[int, ...]]:
    """Organisation id to version, minimum interval and pings per minute."""
    found = await stage.redis.hgetall(stage.shard.keys.plans)
    return {int(org): struct.unpack("<III", blob) for org, blob in found.items()}


async def lose_redis(stage: Stage, book: ConfigBook, folder: Path) -> None:
    await stage.redis.flushall()
    await stage.move_to(0)
    assert await rebuild_if_empty(stage.live, book, HistoryReader(folder / HISTORY_DB))


async def test_a_change_of_a_plan_is_carried_to_every_organisation_that_has_it(
    stage: Stage, book: ConfigBook
) -> None:
    org = await orgs.create(book, "theirs", LONG_AGO_MS, "pro")
    async with book.write() as tx:
        await plans.change(tx, PlanChange("pro", {"min_interval_s": 5}), LONG_AGO_MS)

    await drain_outbox(stage.live, book, everything=True)

    assert await limits_in_redis(stage) == {org.id: (2, 5, 10_000)}
    assert await outbox.pending(book, 10) == []


async def test_after_a_loss_every_organisation_has_its_plan_again(
    stage: Stage, book: ConfigBook, tmp_path: Path
) -> None:
    org = await orgs.create(book, "theirs", LONG_AGO_MS, "free")
    await drain_outbox(stage.live, book, everything=True)

    await lose_redis(stage, book, tmp_path)

    assert await limits_in_redis(stage) == {1: (0, 0, 0), org.id: (1, 600, 60)}


async def test_the_first_ping_after_a_loss_is_limited_as_before(
    stage: Stage, book: ConfigBook, tmp_path: Path
) -> None:
    org = await orgs.create(book, "theirs", LONG_AGO_MS, "free")
    row, change = await monitors.create(book, new_monitor(org.id), LONG_AGO_MS)
    await stage.live.project(change.projection)

    await lose_redis(stage, book, tmp_path)

    stage.writer = await stage.new_writer("main-1")
    assert await stage.ping(row.config.id, row.config.id) == [Outcome.RECORDED, Outcome.LIMITED]


async def test_a_change_that_waited_in_the_outbox_is_not_undone_by_a_rebuild(
    stage: Stage, book: ConfigBook, tmp_path: Path
) -> None:
    org = await orgs.create(book, "theirs", LONG_AGO_MS, "free")
    async with book.write() as tx:
        await orgs.move(tx, org, "starter", LONG_AGO_MS)

    await lose_redis(stage, book, tmp_path)
    await drain_outbox(stage.live, book, everything=True)

    assert (await limits_in_redis(stage))[org.id] == (2, 60, 300)
