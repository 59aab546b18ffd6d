"""A running admin API of each test's own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from store.book import database
from tests.ingest.api.cast import Api, api_on_stage, first_start
from tests.stage import Stage

First = tuple[Path, dict[str, str]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def first(tmp_path_factory: pytest.TempPathFactory) -> First:
    """A first start, made once, and everybody's keys."""
    data = tmp_path_factory.mktemp("first") / "data"
    return data, await first_start(data)


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """That commits are on disk is proven in tests/store/book; here waiting for it would only cost time."""
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "PRAGMA synchronous = OFF"))


@pytest.fixture
def data(first: First, tmp_path: Path) -> Path:
    """A data folder of the test's own, as a first start left it."""
    return Path(shutil.copytree(first[0], tmp_path / "data"))


@pytest.fixture
def people(first: First) -> dict[str, str]:
    """Everybody's keys by name."""
    return first[1]


@pytest.fixture
async def api(stage: Stage, data: Path, people: dict[str, str]) -> AsyncIterator[Api]:
    async with api_on_stage(stage.live, data, people) as api:
        yield api
