"""A config.db of each test's own, with an organisation in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.book import orgs
from store.book.database import CONFIG_DB, ConfigBook
from store.book.orgs import OrgRow
from tests.store.book.cast import NOW_MS


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[ConfigBook]:
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        yield book


@pytest.fixture
async def org(book: ConfigBook) -> OrgRow:
    return await orgs.create(book, "ours", NOW_MS)


@pytest.fixture
async def other_org(book: ConfigBook) -> OrgRow:
    return await orgs.create(book, "theirs", NOW_MS)
