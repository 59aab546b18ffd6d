"""The names of channels that history knows by their number only."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import msgspec

from store.book.database import ConfigBook

NAMES = "SELECT id, public_id, name FROM channels WHERE org_id = ? AND id IN ({marks})"


class ChannelName(msgspec.Struct, frozen=True):
    """A channel as it is called now."""

    public_id: UUID
    name: str


async def names_of(book: ConfigBook, org_id: int, channel_ids: Collection[int]) -> dict[int, ChannelName]:
    """The names of an organisation's channels, by number; those that were deleted are missing."""
    sql = NAMES.format(marks=", ".join("?" * len(channel_ids)))
    rows = await book.rows(sql, (org_id, *channel_ids))
    return {row["id"]: ChannelName(UUID(row["public_id"]), row["name"]) for row in rows}
