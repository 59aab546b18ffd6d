"""A recorder of each test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.book import database, history_writer
from store.book.database import CONFIG_DB, ConfigBook
from store.live import streams
from tests.stage import Stage
from tests.store.recorder.cast import Desk


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """That commits are on disk is SQLite's promise; and a recorder with nothing to read looks again soon."""
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "PRAGMA synchronous = OFF"))
    monkeypatch.setattr(history_writer, "PRAGMAS", (*history_writer.PRAGMAS, "PRAGMA synchronous = OFF"))
    monkeypatch.setattr(streams, "BLOCK_MS", 5)


@pytest.fixture
async def desk(stage: Stage, tmp_path: Path) -> AsyncIterator[Desk]:
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        desk = Desk(stage, tmp_path, book)
        await desk.open()
        yield desk
        await desk.end()
