"""Tables by day or month (`pings_20260302`, `hours_202603`): made when the first row comes, dropped when they are old.

So retention is a DROP, and a question about an hour opens one table. All dates are UTC.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import msgspec

DAY_MS = 86_400_000

TABLES = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name GLOB '[a-z]*_[0-9][0-9][0-9][0-9][0-9][0-9]*' ORDER BY name
"""


class Dated(msgspec.Struct, frozen=True):
    """A family of tables. `date` is the end of a table's name, as strftime has it; `make` makes one."""

    prefix: str
    date: str
    make: tuple[str, ...]

    def table(self, at_ms: int) -> str:
        """The table of a moment."""
        return f"{self.prefix}_{datetime.fromtimestamp(at_ms // 1000, UTC):{self.date}}"

    def owns(self, table: str) -> bool:
        """Whether a table is of this family."""
        prefix, _, date = table.partition("_")
        return prefix == self.prefix and date.isdigit()


class DatedTables:
    """The tables that are there, as the one writing connection knows them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._there = {name for (name,) in connection.execute(TABLES)}

    def remembered(self) -> set[str]:
        """What is known now, to be given to `remember` when the transaction is undone."""
        return set(self._there)

    def remember(self, there: set[str]) -> None:
        self._there = there

    def make(self, dated: Dated, table: str) -> None:
        """Make a table, if it is not there yet."""
        if table not in self._there:
            for statement in dated.make:
                self._connection.execute(statement.format(table=table))
            self._there.add(table)

    def of(self, dated: Dated) -> list[str]:
        """The tables of a family."""
        return sorted(name for name in self._there if dated.owns(name))

    def older_than(self, dated: Dated, at_ms: int) -> list[str]:
        """The tables of a family that end before the one of this moment begins."""
        oldest_kept = dated.table(at_ms)
        return [name for name in self.of(dated) if name < oldest_kept]

    def drop(self, table: str) -> None:
        """Drop a table."""
        self._connection.execute(f"DROP TABLE {table}")
        self._there.discard(table)
