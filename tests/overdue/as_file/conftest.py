"""Two organisations without a Redis, and the command at hand."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from store.book import database, orgs
from store.book.bootstrap import prepare
from store.book.database import CONFIG_DB, ConfigBook
from tests.overdue.as_file.at_hand import Desk
from tests.store.book.cast import NOW_MS, settings_of


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("first") / "data"

    async def start() -> None:
        await prepare(settings_of(data))
        async with await ConfigBook.open(data / CONFIG_DB) as book:
            await orgs.create(book, "other", NOW_MS)
            await orgs.create(book, "small", NOW_MS, "free")

    asyncio.run(start())
    return data


@pytest.fixture
def desk(first_start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """That commits are on disk is proven in tests/store/book; here waiting for it would only cost time."""
    data = Path(shutil.copytree(first_start, tmp_path / "data"))
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "PRAGMA synchronous = OFF"))
    monkeypatch.setenv("OVERDUE_DATA", str(data))
    monkeypatch.setenv("OVERDUE_REDIS_URL", f"unix://{tmp_path}/nothing")
    monkeypatch.setenv("OVERDUE_BASE_URL", "https://overdue.example")
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, data)
