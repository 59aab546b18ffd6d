"""A running admin API of each test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ingest.api.cast import Api, api_on_stage
from tests.stage import GENERATION, Stage


@pytest.fixture
async def api(stage: Stage, tmp_path: Path) -> AsyncIterator[Api]:
    async with api_on_stage(stage.live, tmp_path / "data", GENERATION) as api:
        yield api
