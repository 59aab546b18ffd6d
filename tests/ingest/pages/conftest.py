"""Pages over HTTP, for people who are signed in; the stage is the API's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.ingest.api.cast import Api
from tests.ingest.api.conftest import api, data, first, people, quick_disk
from tests.ingest.pages.cast import Person, person_of

__all__ = ["api", "data", "first", "people", "quick_disk"]


@pytest.fixture
async def owner(api: Api) -> AsyncIterator[Person]:
    """Who may change things."""
    async with person_of(api, "owner") as person:
        yield person


@pytest.fixture
async def reader(api: Api) -> AsyncIterator[Person]:
    """Who may only look."""
    async with person_of(api, "reader") as person:
        yield person


@pytest.fixture
async def stranger(api: Api) -> AsyncIterator[Person]:
    """Who belongs to another organisation."""
    async with person_of(api, "stranger") as person:
        yield person
