"""Channels: who is told. Every change raises the organisation's version and tells Redis all of its channels."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Row
from uuid import UUID, uuid4

import msgspec

from store.book import outbox
from store.book.database import ConfigBook, Transaction
from store.book.outbox import OutboxRow
from store.errors import Invalid, NotFound
from store.projection import Burst, ChannelTarget, PutChannels

# All channels of an organisation travel in one message, so their number has an end.
MAX_CHANNELS = 1000

INSERT = """
INSERT INTO channels (public_id, org_id, type, name, settings, is_default, burst_size, burst_window_s, created_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_SELECT = """
SELECT id, public_id, org_id, type, name, settings, is_default, burst_size, burst_window_s, created_ms,
       epoch, disabled_ms
FROM channels
"""

# A page of an organisation's channels, oldest first.
PAGE = _SELECT + "WHERE org_id = ? AND id > ? ORDER BY id LIMIT ?"

FIND = _SELECT + "WHERE org_id = ? AND public_id = ?"

# Whether a monitor names some that are there.
NAMES_SOME = """
SELECT EXISTS (SELECT 1 FROM monitor_channels AS n JOIN channels AS c ON c.id = n.channel_id
               WHERE n.monitor_id = ? AND c.org_id = ?) AS names_some
"""

# A page of those that a monitor names, oldest first.
NAMED = _SELECT + (
    "WHERE org_id = ? AND id IN (SELECT channel_id FROM monitor_channels WHERE monitor_id = ?) AND id > ? "
    "ORDER BY id LIMIT ?"
)

# A page of those that are told of every monitor that names none, oldest first.
DEFAULT = _SELECT + "WHERE org_id = ? AND is_default = 1 AND id > ? ORDER BY id LIMIT ?"

UPDATE = """
UPDATE channels SET name = ?, settings = ?, is_default = ?, burst_size = ?, burst_window_s = ? WHERE id = ?
"""

COUNT = "SELECT count(*) AS channels FROM channels WHERE org_id = ?"

DISABLED = "SELECT disabled_ms FROM channels WHERE org_id = ? AND id = ? AND disabled_ms IS NOT NULL"

DELETE = "DELETE FROM channels WHERE org_id = ? AND public_id = ?"

ENABLE = "UPDATE channels SET disabled_ms = NULL, epoch = epoch + 1 WHERE org_id = ? AND public_id = ?"

# What a receiver said in a former epoch counts no more.
DISABLE = """
UPDATE channels SET disabled_ms = ? WHERE id = ? AND epoch = ? AND disabled_ms IS NULL RETURNING org_id
"""

RAISE_VERSION = "UPDATE orgs SET channels_version = channels_version + 1 WHERE id = ?"

# An organisation's version with all its channels in one statement, so that the two belong together.
TARGETS = """
SELECT orgs.channels_version, channels.id, channels.public_id, channels.type, channels.name, channels.settings,
       channels.is_default, channels.burst_size, channels.burst_window_s, channels.epoch, channels.disabled_ms
FROM orgs LEFT JOIN channels ON channels.org_id = orgs.id
WHERE orgs.id = ? ORDER BY channels.id
"""


class NewChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel to be made; `settings` is the JSON of its own type."""

    org_id: int
    type: str
    name: str
    settings: bytes
    is_default: bool = True
    burst: Burst | None = None


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as it was asked for; `disabled_ms` is the moment since which it is not called."""

    id: int
    public_id: UUID
    org_id: int
    type: str
    name: str
    settings: bytes
    is_default: bool = True
    burst: Burst | None = None
    created_ms: int
    epoch: int = 1
    disabled_ms: int | None = None


async def create(book: ConfigBook, new: NewChannel, now_ms: int) -> tuple[ChannelRow, OutboxRow]:
    """Make a channel.

    Raises:
        Invalid: the organisation has as many as it can have.
    """
    public_id = uuid4()
    head = (str(public_id), new.org_id, new.type, new.name, new.settings.decode())
    values = (*head, new.is_default, *_burst_columns(new.burst), now_ms)
    async with book.write() as tx:
        count = await tx.row(COUNT, (new.org_id,))
        if count is not None and count["channels"] >= MAX_CHANNELS:
            raise Invalid(f"An organisation has at most {MAX_CHANNELS} channels.")
        channel = ChannelRow(
            id=await tx.insert(INSERT, values),
            public_id=public_id,
            created_ms=now_ms,
            **msgspec.structs.asdict(new),
        )
        tx.made = str(public_id)
        return channel, await _tell(tx, new.org_id, now_ms)


async def page(book: ConfigBook, org_id: int, after_id: int, limit: int) -> list[ChannelRow]:
    """Channels of this organisation, oldest first, beyond the one with the id `after_id` (0: from the start)."""
    return [_read(row) for row in await book.rows(PAGE, (org_id, after_id, limit))]


async def find(source: ConfigBook | Transaction, org_id: int, public_id: UUID) -> ChannelRow:
    """A channel of this organisation.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    row = await source.row(FIND, (org_id, str(public_id)))
    if row is None:
        raise NotFound("There is no such channel.")
    return _read(row)


async def told_of(
    book: ConfigBook, org_id: int, monitor_id: int, after_id: int = 0, limit: int = MAX_CHANNELS
) -> tuple[bool, list[ChannelRow]]:
    """A page of the channels that are told of a monitor, and whether it names them; else they are the default ones."""
    row = await book.row(NAMES_SOME, (monitor_id, org_id))
    if row is not None and row["names_some"]:
        found = await book.rows(NAMED, (org_id, monitor_id, after_id, limit))
        return True, [_read(one) for one in found]
    return False, [_read(one) for one in await book.rows(DEFAULT, (org_id, after_id, limit))]


async def change(
    book: ConfigBook, org_id: int, public_id: UUID, edit: Callable[[ChannelRow], ChannelRow], now_ms: int
) -> tuple[ChannelRow, OutboxRow | None]:
    """Change name, settings and manners of a channel as `edit` says; no outbox row without a difference.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    async with book.write() as tx:
        former = await find(tx, org_id, public_id)
        row = edit(former)
        if row == former:
            return row, None
        values = (row.name, row.settings.decode(), row.is_default, *_burst_columns(row.burst), row.id)
        await tx.execute(UPDATE, values)
        return row, await _tell(tx, org_id, now_ms)


async def enable(
    book: ConfigBook, org_id: int, public_id: UUID, now_ms: int
) -> tuple[ChannelRow, OutboxRow | None]:
    """Call a channel again that was disabled; one that is not stays as it is.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    async with book.write() as tx:
        row = await find(tx, org_id, public_id)
        if row.disabled_ms is None:
            return row, None
        await tx.execute(ENABLE, (org_id, str(public_id)))
        return await find(tx, org_id, public_id), await _tell(tx, org_id, now_ms)


async def is_disabled(book: ConfigBook, org_id: int, channel_id: int) -> bool:
    """Whether a channel may not be called, as its receiver has asked for that."""
    return await book.row(DISABLED, (org_id, channel_id)) is not None


async def disable(book: ConfigBook, channel_id: int, epoch: int, at_ms: int, now_ms: int) -> OutboxRow | None:
    """Call a channel no longer; None if it was disabled, enabled or deleted since the epoch in which that was asked."""
    async with book.write() as tx:
        row = await tx.row(DISABLE, (at_ms, channel_id, epoch))
        return None if row is None else await _tell(tx, row["org_id"], now_ms)


async def put_again(book: ConfigBook, org_id: int, now_ms: int) -> OutboxRow:
    """Tell Redis of an organisation's channels as if one had been changed."""
    async with book.write() as tx:
        return await _tell(tx, org_id, now_ms)


async def delete(book: ConfigBook, org_id: int, public_id: UUID, now_ms: int) -> OutboxRow:
    """Delete a channel.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    async with book.write() as tx:
        if not await tx.execute(DELETE, (org_id, str(public_id))):
            raise NotFound("There is no such channel.")
        return await _tell(tx, org_id, now_ms)


async def put_channels(source: ConfigBook | Transaction, org_id: int) -> PutChannels:
    """What Redis is told of an organisation's channels."""
    rows = await source.rows(TARGETS, (org_id,))
    targets = [
        ChannelTarget(
            id=row["id"],
            kind=row["type"],
            settings=row["settings"].encode(),
            epoch=row["epoch"],
            disabled=row["disabled_ms"] is not None,
            public_id=row["public_id"],
            name=row["name"],
            is_default=bool(row["is_default"]),
            burst=_burst_of(row),
        )
        for row in rows
        if row["id"] is not None
    ]
    return PutChannels(org_id, rows[0]["channels_version"], tuple(targets))


async def _tell(tx: Transaction, org_id: int, now_ms: int) -> OutboxRow:
    await tx.execute(RAISE_VERSION, (org_id,))
    return await outbox.add(tx, await put_channels(tx, org_id), now_ms)


def _burst_columns(burst: Burst | None) -> tuple[int | None, int | None]:
    return (None, None) if burst is None else (burst.size, burst.window_s)


def _burst_of(row: Row) -> Burst | None:
    size, window_s = row["burst_size"], row["burst_window_s"]
    return None if size is None or window_s is None else Burst(size, window_s)


def _read(row: Row) -> ChannelRow:
    return ChannelRow(
        id=row["id"],
        public_id=UUID(row["public_id"]),
        org_id=row["org_id"],
        type=row["type"],
        name=row["name"],
        settings=row["settings"].encode(),
        is_default=bool(row["is_default"]),
        burst=_burst_of(row),
        created_ms=row["created_ms"],
        epoch=row["epoch"],
        disabled_ms=row["disabled_ms"],
    )
