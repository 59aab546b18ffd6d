"""Which channels a monitor names. Those that name none tell the default ones of their organisation."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from store.book.database import ConfigBook, Transaction
from store.errors import Invalid

MOST_NAMED = 50

FORGET = "DELETE FROM monitor_channels WHERE monitor_id = ?"

ADD = """
INSERT INTO monitor_channels (monitor_id, channel_id, place)
SELECT ?, id, ? FROM channels WHERE org_id = ? AND public_id = ?
"""

IDS = "SELECT channel_id FROM monitor_channels WHERE monitor_id = ? ORDER BY place"

# A page of the monitors that name channels, with these.
ALL = """
SELECT monitor_id, group_concat(channel_id) AS channels FROM monitor_channels
WHERE monitor_id > ? GROUP BY monitor_id ORDER BY monitor_id LIMIT ?
"""


# Those of these monitors that name channels.
AMONG = """
SELECT monitor_id, channel_id FROM monitor_channels WHERE monitor_id IN (SELECT value FROM json_each(?))
"""


async def name(tx: Transaction, org_id: int, monitor_id: int, channels: Sequence[UUID]) -> None:
    """Let a monitor name these channels of its organisation; without any it tells the default ones.

    Raises:
        Invalid: one of them is not there, or they are too many; names the field `channels`.
    """
    if len(channels) > MOST_NAMED:
        raise Invalid(f"A monitor names at most {MOST_NAMED} channels.", "channels")
    await tx.execute(FORGET, (monitor_id,))
    for place, channel in enumerate(dict.fromkeys(channels)):
        if not await tx.execute(ADD, (monitor_id, place, org_id, str(channel))):
            raise Invalid(f"There is no channel {channel}.", "channels")


async def ids_of(source: ConfigBook | Transaction, monitor_id: int) -> tuple[int, ...]:
    """The numbers of the channels that a monitor names."""
    return tuple(row["channel_id"] for row in await source.rows(IDS, (monitor_id,)))


async def all_named(book: ConfigBook, after_id: int, limit: int) -> list[tuple[int, list[int]]]:
    """Monitors of all organisations that name channels, by number, with these; for rebuilding what Redis holds."""
    rows = await book.rows(ALL, (after_id, limit))
    return [(row["monitor_id"], [int(one) for one in row["channels"].split(",")]) for row in rows]


async def named_among(book: ConfigBook, monitor_ids: Sequence[int]) -> dict[int, set[int]]:
    """Those of these monitors that name channels, with these."""
    found: dict[int, set[int]] = {}
    for row in await book.rows(AMONG, (f"[{','.join(map(str, monitor_ids))}]",)):
        found.setdefault(row["monitor_id"], set()).add(row["channel_id"])
    return found
