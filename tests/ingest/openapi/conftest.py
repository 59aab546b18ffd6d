"""The admin API of the tests beside these."""

from tests.ingest.api.conftest import api, data, first, people, quick_disk

__all__ = ["api", "data", "first", "people", "quick_disk"]
