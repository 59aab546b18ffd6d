"""The pages need what the API's tests have: a running API, which serves the pages too; and people who are signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.ingest.api.cast import Api
from tests.ingest.api.conftest import api, data, first, people, quick_disk
from tests.ingest.pages.looking import Looker

__all__ = ["api", "data", "first", "people", "quick_disk"]


@asynccontextmanager
async def looking(api: Api, who: str) -> AsyncIterator[Looker]:
    looker = Looker(api.address)
    try:
        assert (await looker.sign_in(api.key_of(who))).status_code == 303
        yield looker
    finally:
        await looker.client.aclose()


@pytest.fixture
async def owner(api: Api) -> AsyncIterator[Looker]:
    """Who may change things."""
    async with looking(api, "owner") as looker:
        yield looker


@pytest.fixture
async def reader(api: Api) -> AsyncIterator[Looker]:
    """Who may only look."""
    async with looking(api, "reader") as looker:
        yield looker


@pytest.fixture
async def stranger(api: Api) -> AsyncIterator[Looker]:
    """Who belongs to another organisation."""
    async with looking(api, "stranger") as looker:
        yield looker
