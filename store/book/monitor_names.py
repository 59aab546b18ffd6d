"""The names of monitors that history knows by their number only."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import msgspec

from store.book.database import ConfigBook, Transaction

NAMES = "SELECT id, public_id, name FROM monitors WHERE org_id = ? AND id IN ({marks})"

PUBLIC_IDS = "SELECT id, public_id FROM monitors WHERE id IN (SELECT value FROM json_each(?))"


class MonitorName(msgspec.Struct, frozen=True):
    """A monitor as it is called now."""

    public_id: UUID
    name: str


async def names_of(book: ConfigBook, org_id: int, monitor_ids: Collection[int]) -> dict[int, MonitorName]:
    """The names of an organisation's monitors, by number; those that were deleted are missing."""
    sql = NAMES.format(marks=", ".join("?" * len(monitor_ids)))
    rows = await book.rows(sql, (org_id, *monitor_ids))
    return {row["id"]: MonitorName(UUID(row["public_id"]), row["name"]) for row in rows}


async def public_ids(source: ConfigBook | Transaction, monitor_ids: Collection[int]) -> dict[int, str]:
    """The public ids of monitors, by number."""
    wanted = msgspec.json.encode(sorted(monitor_ids)).decode()
    return {row["id"]: row["public_id"] for row in await source.rows(PUBLIC_IDS, (wanted,))}
