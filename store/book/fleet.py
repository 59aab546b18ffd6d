"""A fleet at a glance: the few columns by which all monitors of an organisation are sorted, searched and counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from store.book.database import ConfigBook

# A page of an organisation's monitors without their keys and tags, newest first: it costs a fifth of the whole rows.
GLANCES = """
SELECT id, public_id, name, interval_s, grace_s, paused, created_ms, failures, schedule, armed_by_ping
FROM monitors
WHERE org_id = ? AND id < ? ORDER BY id DESC LIMIT ?
"""

CHANGES = "SELECT count FROM fleet_changes WHERE org_id = ?"

# The next two are answered from the index monitor_tags_by_tag alone.
TAGGED = "SELECT monitor_id FROM monitor_tags WHERE org_id = ? AND tag = ?"

COMMON_TAGS = """
SELECT tag FROM (SELECT tag, count(*) AS uses FROM monitor_tags WHERE org_id = ? GROUP BY tag
                 ORDER BY uses DESC, tag LIMIT ?) ORDER BY tag
"""

TAGS_OF = """
SELECT monitor_id, tag FROM monitor_tags WHERE org_id = ? AND monitor_id IN ({marks}) ORDER BY monitor_id, place
"""

NAMES_OF = "SELECT public_id, name FROM monitors WHERE org_id = ? AND public_id IN ({marks})"

# The oldest of an organisation; and those that have one of these names.
OLDEST = "SELECT public_id, name FROM monitors WHERE org_id = ? ORDER BY id LIMIT ?"
CALLED = """
SELECT public_id, name FROM monitors WHERE org_id = ? AND name IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?
"""

BEYOND_ALL = 2**63 - 1


class Glance(msgspec.Struct, frozen=True, gc=False):
    """One monitor as a list of very many keeps it."""

    id: int
    public_id: str
    name: str
    folded: str
    interval_s: int
    grace_s: int
    paused: bool
    created_ms: int
    failures: int
    schedule: str | None
    is_armed_by_ping: bool

    @property
    def is_scheduled(self) -> bool:
        return self.schedule is not None

    @property
    def limit_ms(self) -> int:
        """The longest silence allowed: so many intervals as may be missed, and grace."""
        return (self.failures * self.interval_s + self.grace_s) * 1000


async def changes(book: ConfigBook, org_id: int) -> int:
    """How often the fleet's monitors or their tags were changed: the same number means that nothing was."""
    row = await book.row(CHANGES, (org_id,))
    return 0 if row is None else int(row["count"])


async def glances(book: ConfigBook, org_id: int, before_id: int, limit: int) -> list[Glance]:
    """Monitors of this organisation, newest first, that are older than the one with the id `before_id`."""
    rows = await book.rows(GLANCES, (org_id, before_id, limit))
    return [
        Glance(
            monitor_id,
            public_id,
            name,
            name.casefold(),
            interval_s,
            grace_s,
            bool(paused),
            created_ms,
            failures,
            schedule,
            bool(armed),
        )
        for monitor_id, public_id, name, interval_s, grace_s, paused, created_ms, failures, schedule, armed in rows
    ]


async def tagged(book: ConfigBook, org_id: int, tag: str) -> set[int]:
    """The ids of this organisation's monitors that have a tag."""
    return {row[0] for row in await book.rows(TAGGED, (org_id, tag))}


async def common_tags(book: ConfigBook, org_id: int, limit: int) -> list[str]:
    """The tags that most monitors of this organisation have, in the order of the alphabet."""
    return [row["tag"] for row in await book.rows(COMMON_TAGS, (org_id, limit))]


async def tags_of(book: ConfigBook, org_id: int, monitor_ids: Collection[int]) -> dict[int, Sequence[str]]:
    """The tags of some monitors of this organisation, by id and in the order in which they were given."""
    found: dict[int, list[str]] = {one: [] for one in monitor_ids}
    sql = TAGS_OF.format(marks=", ".join("?" * len(monitor_ids)))
    for row in await book.rows(sql, (org_id, *monitor_ids)):
        found[row["monitor_id"]].append(row["tag"])
    return dict(found)


async def names_of(book: ConfigBook, org_id: int, public_ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of some monitors of this organisation, by public id; those that are not there are missing."""
    sql = NAMES_OF.format(marks=", ".join("?" * len(public_ids)))
    rows = await book.rows(sql, (org_id, *map(str, public_ids)))
    return {UUID(row["public_id"]): row["name"] for row in rows}


async def oldest(book: ConfigBook, org_id: int, limit: int) -> list[tuple[str, str]]:
    """Ids and names of so many monitors of this organisation."""
    return [(public_id, name) for public_id, name in await book.rows(OLDEST, (org_id, limit))]


async def called(book: ConfigBook, org_id: int, names: Collection[str], limit: int) -> list[tuple[str, str]]:
    """Ids and names of this organisation's monitors that have one of these names, which need not be unique."""
    asked = msgspec.json.encode(sorted(names)).decode()
    return [(public_id, name) for public_id, name in await book.rows(CALLED, (org_id, asked, limit))]
