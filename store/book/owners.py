"""Whom ids and keys belong to, over all organisations: for whoever compares Redis with the book."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from store.book.database import ConfigBook

# Many at once, without a variable for each.
PRESENT = "SELECT id FROM monitors WHERE id IN (SELECT value FROM json_each(?))"

ORGS = "SELECT id FROM orgs"
CHANNELS = "SELECT id FROM channels"

# As many digests as there are marks.
OWNERS = "SELECT digest, monitor_id FROM monitor_keys WHERE digest IN ({marks})"
AT_ONCE = 500

OLDEST_CHANGE = "SELECT count(*) AS changes, min(created_ms) AS since_ms FROM outbox"

SUBJECTS = "SELECT DISTINCT subject FROM outbox"
SOME_ARE_FOR_PEOPLE = "SELECT EXISTS (SELECT 1 FROM channels WHERE type IN ('email', 'apprise')) AS found"


class Subjects(msgspec.Struct, frozen=True):
    """What changes are about, as the outbox calls it: `monitor:12`, `monitors:12-99`, `channels:3`, `plan:3`."""

    names: frozenset[str]

    def have_channels(self) -> bool:
        """Whether one of them is about the channels of any organisation."""
        return any(name.startswith("channels:") for name in self.names)

    def have_monitor(self, monitor_id: int) -> bool:
        ranges = (name.partition(":")[2].split("-") for name in self.names if name.startswith("monitors:"))
        return f"monitor:{monitor_id}" in self.names or any(
            int(first) <= monitor_id <= int(last) for first, last in ranges
        )


async def absent(book: ConfigBook, monitor_ids: Collection[int]) -> set[int]:
    """Those of these ids that no monitor has."""
    rows = await book.rows(PRESENT, (f"[{','.join(map(str, monitor_ids))}]",))
    return set(monitor_ids) - {row["id"] for row in rows}


async def all_orgs(book: ConfigBook) -> set[int]:
    """The ids of all organisations."""
    return {row["id"] for row in await book.rows(ORGS)}


async def all_channels(book: ConfigBook) -> set[int]:
    """The ids of the channels of all organisations."""
    return {row["id"] for row in await book.rows(CHANNELS)}


async def owners_of(book: ConfigBook, digests: Collection[bytes]) -> dict[bytes, int]:
    """The monitors that have these keys; a key that nobody has is missing."""
    wanted, found = list(digests), dict[bytes, int]()
    for start in range(0, len(wanted), AT_ONCE):
        page = wanted[start : start + AT_ONCE]
        rows = await book.rows(OWNERS.format(marks=",".join("?" * len(page))), page)
        found |= {row["digest"]: row["monitor_id"] for row in rows}
    return found


async def waiting_changes(book: ConfigBook) -> tuple[int, int]:
    """How many changes Redis has not heard of yet, and since when (in ms; 0: there are none)."""
    (row,) = await book.rows(OLDEST_CHANGE)
    return row["changes"], row["since_ms"] or 0


async def waiting_subjects(book: ConfigBook) -> Subjects:
    """What these changes are about."""
    return Subjects(frozenset(row["subject"] for row in await book.rows(SUBJECTS)))


async def some_channels_are_for_people(book: ConfigBook) -> bool:
    """Whether there is a channel that people read, of whatever organisation."""
    row = await book.row(SOME_ARE_FOR_PEOPLE)
    return row is not None and bool(row["found"])
