"""The journal of whose rules are to be worked out anew; changes of monitors and their tags are noted by triggers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec

from store.book.database import ConfigBook, Transaction
from store.book.history_snapshot import snapshot_of

NOTE = "INSERT INTO rule_changes (org_id, tag) VALUES (?, ?)"

NOTE_MONITORS = """
INSERT INTO rule_changes (org_id, monitor_id)
SELECT ?, monitor_id FROM maintenance_monitors WHERE window_id = ? ORDER BY monitor_id
"""

# What is new. Their numbers are without gaps.
SINCE = "SELECT id, org_id, monitor_id, tag FROM rule_changes WHERE id > ? ORDER BY id LIMIT ?"

# Also of one that is gone.
LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'rule_changes'), 0) AS last_id"

# The number of the newest change that is not kept any more.
FORGOTTEN = f"SELECT coalesce((SELECT min(id) - 1 FROM rule_changes), ({LAST})) AS forgotten_id"

# Pages of the monitors that are meant.
SCHEDULED = "SELECT id FROM monitors WHERE schedule IS NOT NULL AND id > ? ORDER BY id LIMIT ?"

OF_ORG = "SELECT id FROM monitors WHERE org_id = ? AND id > ? ORDER BY id LIMIT ?"

OF_TAG = """
SELECT monitor_id AS id FROM monitor_tags WHERE org_id = ? AND tag = ? AND monitor_id > ? ORDER BY monitor_id LIMIT ?
"""

NAMED = """
SELECT DISTINCT monitor_id AS id FROM maintenance_monitors WHERE monitor_id > ? ORDER BY monitor_id LIMIT ?
"""

WHOLE_ORGS = "SELECT DISTINCT org_id FROM maintenance WHERE is_for_all"

TAGS = "SELECT DISTINCT org_id, tag FROM maintenance_tags"

PAGE = 2000


class RuleChange(msgspec.Struct, frozen=True):
    """A monitor's rules, or those of all monitors with a tag, or those of all monitors of an organisation."""

    id: int
    org_id: int
    monitor_id: int | None
    tag: str | None


async def note_org(tx: Transaction, org_id: int) -> None:
    await tx.execute(NOTE, (org_id, None))


async def note_tags(tx: Transaction, org_id: int, tags: Iterable[str]) -> None:
    await tx.insert_many(NOTE, [(org_id, tag) for tag in tags])


async def note_monitors_of_window(tx: Transaction, org_id: int, window_id: int) -> None:
    await tx.execute(NOTE_MONITORS, (org_id, window_id))


async def last_id(path: Path) -> int:
    """The number of the newest change."""
    async with snapshot_of(path) as snapshot:
        return await last_in(snapshot)


async def last_in(source: ConfigBook | Transaction) -> int:
    """The same in a book that is open."""
    return int((await source.rows(LAST))[0]["last_id"])


async def forgotten_id(path: Path) -> int:
    """The number of the newest change that the journal has forgotten; 0: none."""
    async with snapshot_of(path) as snapshot:
        return int((await snapshot.rows(FORGOTTEN))[0]["forgotten_id"])


async def since(path: Path, known_id: int, limit: int) -> list[RuleChange] | None:
    """Changes that came after one, in order; None: some of them are not kept any more."""
    async with snapshot_of(path) as snapshot:
        if int((await snapshot.rows(LAST))[0]["last_id"]) == known_id:
            return []
        rows = await snapshot.rows(SINCE, (known_id, limit))
    if not rows or rows[0]["id"] != known_id + 1:
        return None
    return [RuleChange(*row) for row in rows]


async def monitors_meant(path: Path, change: RuleChange) -> AsyncIterator[list[int]]:
    """The numbers of the monitors that a change is about, page by page."""
    if change.monitor_id is not None:
        yield [change.monitor_id]
        return
    sql: str = OF_ORG
    parameters: tuple[int | str, ...] = (change.org_id,)
    if change.tag is not None:
        sql, parameters = OF_TAG, (change.org_id, change.tag)
    async for ids in _pages(path, sql, parameters):
        yield ids


async def all_with_rules_ahead(path: Path) -> AsyncIterator[list[int]]:
    """All monitors with a schedule, and all that a window concerns, page by page; some of them more than once."""
    async with snapshot_of(path) as snapshot:
        orgs = [(row["org_id"],) for row in await snapshot.rows(WHOLE_ORGS)]
        tags = [(row["org_id"], row["tag"]) for row in await snapshot.rows(TAGS)]
    asked: list[tuple[str, tuple[int | str, ...]]] = [
        (SCHEDULED, ()),
        (NAMED, ()),
        *((OF_ORG, org) for org in orgs),
        *((OF_TAG, tag) for tag in tags),
    ]
    for sql, parameters in asked:
        async for ids in _pages(path, sql, parameters):
            yield ids


async def _pages(path: Path, sql: str, parameters: tuple[int | str, ...]) -> AsyncIterator[list[int]]:
    """Each page is read by itself, so that no writer waits for all of them."""
    after_id, is_full = 0, True
    while is_full:
        async with snapshot_of(path) as snapshot:
            rows = await snapshot.rows(sql, (*parameters, after_id, PAGE))
        if rows:
            yield [row["id"] for row in rows]
            after_id = rows[-1]["id"]
        is_full = len(rows) == PAGE
