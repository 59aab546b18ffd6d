"""Transactions on config.db: whole or not at all, one at a time, and never a lock left behind."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.book import database, orgs
from store.book.database import CONFIG_DB, ConfigBook
from store.errors import Invalid, Unavailable
from tests.store.book.cast import NOW_MS, cancelled


@pytest.fixture
def stranger(book: ConfigBook, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process on the same file."""
    with closing(sqlite3.connect(tmp_path / CONFIG_DB, isolation_level=None)) as connection:
        yield connection


async def test_a_transaction_that_fails_is_undone(book: ConfigBook) -> None:
    with pytest.raises(RuntimeError):
        async with book.write() as tx:
            await orgs.insert(tx, "half", NOW_MS)
            raise RuntimeError

    assert await orgs.all_orgs(book) == []


async def test_readers_never_see_half_a_transaction(book: ConfigBook) -> None:
    async with book.write() as tx:
        await orgs.insert(tx, "half", NOW_MS)

        assert await orgs.all_orgs(book) == []

    assert len(await orgs.all_orgs(book)) == 1


async def test_writers_of_one_process_and_of_another_wait_for_each_other(
    book: ConfigBook, tmp_path: Path
) -> None:
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as other:
        names = [f"org {number}" for number in range(20)]
        await asyncio.gather(
            *(orgs.create(one, name, NOW_MS) for name, one in zip(names, [book, other] * 10, strict=True))
        )

    assert sorted(org.name for org in await orgs.all_orgs(book)) == sorted(names)


async def test_of_two_who_take_one_name_exactly_one_gets_it(book: ConfigBook, tmp_path: Path) -> None:
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as other:
        outcomes = await asyncio.gather(
            *(orgs.create(one, "wanted", NOW_MS) for one in [book, other] * 5), return_exceptions=True
        )

    assert sum(isinstance(outcome, orgs.OrgRow) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Invalid) for outcome in outcomes) == 9


async def test_whoever_is_cancelled_within_a_transaction_leaves_no_lock_behind(book: ConfigBook) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with book.write() as tx:
            await orgs.insert(tx, "cancelled", NOW_MS)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await inside.wait()
    await cancelled(task)

    await orgs.create(book, "next", NOW_MS)
    assert [org.name for org in await orgs.all_orgs(book)] == ["next"]


async def test_whoever_is_cancelled_while_waiting_for_the_lock_does_not_get_it_later(
    book: ConfigBook, stranger: sqlite3.Connection
) -> None:
    stranger.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(orgs.create(book, "cancelled", NOW_MS))
    for _ in range(10):
        await asyncio.sleep(0)  # BEGIN is with SQLite's thread by now, and waits there
    task.cancel()
    stranger.execute("ROLLBACK")
    await asyncio.wait([task])

    stranger.execute("BEGIN IMMEDIATE")
    stranger.execute("ROLLBACK")
    await orgs.create(book, "next", NOW_MS)
    assert [org.name for org in await orgs.all_orgs(book)] == ["next"]


async def test_a_locked_database_is_unavailable_not_an_accident(
    tmp_path: Path, stranger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        stranger.execute("BEGIN EXCLUSIVE")

        with pytest.raises(Unavailable, match="locked"):
            await orgs.create(book, "ours", NOW_MS)
        with pytest.raises(Unavailable, match="locked"):
            await orgs.all_orgs(book)

        stranger.execute("ROLLBACK")
        await orgs.create(book, "ours", NOW_MS)


async def test_a_commit_is_on_disk_before_it_is_answered(book: ConfigBook) -> None:
    async with book.write() as tx:
        modes = {
            pragma: (await tx.rows(f"PRAGMA {pragma}"))[0][0]
            for pragma in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert modes == {"journal_mode": "delete", "synchronous": 3, "foreign_keys": 1}


async def test_the_reader_cannot_write(book: ConfigBook) -> None:
    with pytest.raises(Unavailable, match="readonly"):
        await book.rows("DELETE FROM orgs")
