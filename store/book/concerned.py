"""Whose monitors were watched before a moment: how many per organisation, and some of them by name.

Read from config.db in short steps, so that nobody who writes waits long, however many monitors there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from uuid import UUID

import msgspec

from store.book.history_snapshot import snapshot_of
from store.book.monitor_names import MonitorName

IDS_AT_ONCE = 20_000
NAMES_AT_ONCE = 200
EXAMPLES = 20

_WATCHED = "paused = 0 AND created_ms < ? AND id % ? IN (SELECT value FROM json_each(?))"

LAST_ID = "SELECT coalesce(max(id), 0) AS id FROM monitors"

COUNT = f"SELECT org_id, count(*) AS watched FROM monitors WHERE id > ? AND id <= ? AND {_WATCHED} GROUP BY org_id"

COUNT_THESE = (
    "SELECT org_id, count(*) AS watched FROM monitors "
    f"WHERE id IN (SELECT value FROM json_each(?)) AND {_WATCHED} GROUP BY org_id"
)

NAMES = (
    f"SELECT id, public_id, name FROM monitors WHERE org_id = ? AND id > ? AND {_WATCHED} ORDER BY id LIMIT ?"
)

ORGS = "SELECT id, public_id FROM orgs ORDER BY id"


class Fleet(msgspec.Struct, frozen=True):
    """Which monitors are meant: those made before a moment that live in some of the shards."""

    before_ms: int
    shards: int
    among: Collection[int]

    @property
    def values(self) -> tuple[int, int, str]:
        return self.before_ms, self.shards, msgspec.json.encode(sorted(self.among)).decode()


class Concerned(msgspec.Struct, frozen=True):
    """An organisation with the number of its monitors that are concerned, and the first ones of them."""

    org_id: int
    public_id: UUID
    count: int
    examples: list[MonitorName]


async def concerned(path: Path, fleet: Fleet, without: Collection[int]) -> list[Concerned]:
    """Each organisation with monitors of this fleet that are not paused now, other than those in `without`."""
    counts = await _count(path, fleet)
    for some in _slices(without, IDS_AT_ONCE):
        text = msgspec.json.encode(some).decode()
        async with snapshot_of(path) as snapshot:
            rows = await snapshot.rows(COUNT_THESE, (text, *fleet.values))
        counts.subtract({row["org_id"]: row["watched"] for row in rows})
    async with snapshot_of(path) as snapshot:
        orgs = await snapshot.rows(ORGS)
    return [
        Concerned(
            org["id"],
            UUID(org["public_id"]),
            counts[org["id"]],
            await _examples(path, org["id"], fleet, without),
        )
        for org in orgs
        if counts[org["id"]] > 0
    ]


async def _count(path: Path, fleet: Fleet) -> Counter[int]:
    counts: Counter[int] = Counter()
    async with snapshot_of(path) as snapshot:
        last = await snapshot.row(LAST_ID)
    for after_id in range(0, last["id"] if last else 0, IDS_AT_ONCE):
        async with snapshot_of(path) as snapshot:
            rows = await snapshot.rows(COUNT, (after_id, after_id + IDS_AT_ONCE, *fleet.values))
        counts.update({row["org_id"]: row["watched"] for row in rows})
    return counts


async def _examples(path: Path, org_id: int, fleet: Fleet, without: Collection[int]) -> list[MonitorName]:
    found: list[MonitorName] = []
    after_id = 0
    while len(found) < EXAMPLES:
        async with snapshot_of(path) as snapshot:
            rows = await snapshot.rows(NAMES, (org_id, after_id, *fleet.values, NAMES_AT_ONCE))
        found += [
            MonitorName(UUID(row["public_id"]), row["name"]) for row in rows if row["id"] not in without
        ]
        if len(rows) < NAMES_AT_ONCE:
            break
        after_id = rows[-1]["id"]
    return found[:EXAMPLES]


def _slices(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    rest = iter(numbers)
    while some := list(islice(rest, size)):
        yield some
