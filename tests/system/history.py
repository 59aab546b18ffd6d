"""What history.db says, read beside the recorder."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from tests.system.fleet import Ping

DAY = re.compile(r"pings_\d{8}").fullmatch


def queries(data: Path) -> Counter[str]:
    """The query of every recorded ping, and how often it is there."""
    with closing(sqlite3.connect(f"file:{data / 'history.db'}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found: Counter[str] = Counter()
        for name in filter(DAY, names):
            found.update(query for (query,) in database.execute(f"SELECT query FROM {name}"))
        return found


def missing(data: Path, pings: Iterable[Ping]) -> list[Ping]:
    """Those of these pings that are not recorded."""
    found = queries(data)
    return [one for one in pings if not found[f"n={one.number}"]]


def doubled(data: Path) -> list[str]:
    """The queries of numbered pings that are recorded more than once."""
    return [query for query, times in queries(data).items() if query.startswith("n=") and times > 1]
