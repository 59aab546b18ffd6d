"""A folder whose path is short: a Unix socket in it must not be longer than 107 bytes, whatever runs beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def short_path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="od-bench-") as folder:
        yield Path(folder)
