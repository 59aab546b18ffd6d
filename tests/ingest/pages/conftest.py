"""The pages need what the API's tests have: a running API, which serves the pages too."""

from __future__ import annotations

from tests.ingest.api.conftest import api, data, first, people, quick_disk

__all__ = ["api", "data", "first", "people", "quick_disk"]
