"""Monitors as asked for: every query on them, each scoped by organisation; each change with its outbox row."""

from __future__ import annotations

from sqlite3 import Row
from uuid import UUID, uuid4

import msgspec

from store.book import outbox
from store.book.database import ConfigBook, Transaction
from store.book.outbox import OutboxRow
from store.book.ping_keys import take_short_key, take_token
from store.errors import NotFound
from store.monitor import MonitorConfig
from store.projection import DropMonitor, PutMonitor, key_digest

_SELECT = """
SELECT m.id, m.public_id, m.org_id, m.name, m.interval_s, m.grace_s, m.paused, m.version, m.key_epoch,
       m.origin, m.created_ms, token.key AS token, short.key AS short_key
FROM monitors AS m
JOIN monitor_keys AS token ON token.monitor_id = m.id AND token.kind = 'token'
LEFT JOIN monitor_keys AS short ON short.monitor_id = m.id AND short.kind = 'short'
"""

# One monitor of an organisation, by its public id.
FIND = _SELECT + "WHERE m.org_id = ? AND m.public_id = ?"

# A page of an organisation's monitors, oldest first.
PAGE = _SELECT + "WHERE m.org_id = ? AND m.id > ? ORDER BY m.id LIMIT ?"

# A page of all monitors, for rebuilding what Redis holds.
ALL = _SELECT + "WHERE m.id > ? ORDER BY m.id LIMIT ?"

INSERT = """
INSERT INTO monitors
    (public_id, org_id, name, interval_s, grace_s, paused, version, key_epoch, origin, created_ms)
VALUES (?, ?, ?, ?, ?, 0, 1, 1, ?, ?)
"""

UPDATE = "UPDATE monitors SET name = ?, interval_s = ?, grace_s = ?, paused = ?, version = ? WHERE id = ?"

# Its keys go with it (ON DELETE CASCADE).
DELETE = "DELETE FROM monitors WHERE id = ?"


class NewMonitor(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor to be made. `origin` is the spelling that asked: only `heartbeats` gets a short key."""

    org_id: int
    name: str
    interval_s: int
    grace_s: int
    origin: str


class MonitorChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different; None stays as it is."""

    name: str | None = None
    interval_s: int | None = None
    grace_s: int | None = None
    paused: bool | None = None


class MonitorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor with its keys."""

    config: MonitorConfig
    token: str
    short_key: str | None
    origin: str
    created_ms: int

    @property
    def digests(self) -> tuple[bytes, ...]:
        return tuple(key_digest(key.encode()) for key in (self.token, self.short_key) if key is not None)

    @property
    def projection(self) -> PutMonitor:
        """What Redis is told of it."""
        return PutMonitor(self.config, self.digests)


async def create(book: ConfigBook, new: NewMonitor, now_ms: int) -> tuple[MonitorRow, OutboxRow]:
    """Make a monitor and draw its keys."""
    public_id = uuid4()
    values = (str(public_id), new.org_id, new.name, new.interval_s, new.grace_s, new.origin, now_ms)
    async with book.write() as tx:
        monitor_id = await tx.insert(INSERT, values)
        await take_token(tx, monitor_id)
        if new.origin == "heartbeats":
            await take_short_key(tx, monitor_id, new.name)
        monitor = await _find(tx, new.org_id, public_id)
        return monitor, await outbox.add(tx, monitor.projection, now_ms)


async def find(book: ConfigBook, org_id: int, public_id: UUID) -> MonitorRow:
    """One monitor of this organisation.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    return await _find(book, org_id, public_id)


async def page(book: ConfigBook, org_id: int, after_id: int, limit: int) -> list[MonitorRow]:
    """Monitors of this organisation, oldest first, beyond the one with the id `after_id` (0: from the start)."""
    return [_read(row) for row in await book.rows(PAGE, (org_id, after_id, limit))]


async def all_monitors(book: ConfigBook, after_id: int, limit: int) -> list[MonitorRow]:
    """Monitors of all organisations, oldest first, for rebuilding what Redis holds."""
    return [_read(row) for row in await book.rows(ALL, (after_id, limit))]


async def change(
    book: ConfigBook, org_id: int, public_id: UUID, changes: MonitorChanges, now_ms: int
) -> tuple[MonitorRow, OutboxRow | None]:
    """Change a monitor. Without a difference nothing is written and there is no outbox row.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    async with book.write() as tx:
        monitor = await _find(tx, org_id, public_id)
        wanted = _changed(monitor.config, changes)
        if wanted == monitor.config:
            return monitor, None
        config = msgspec.structs.replace(wanted, version=wanted.version + 1)
        await tx.execute(
            UPDATE, (config.name, config.interval_s, config.grace_s, config.paused, config.version, config.id)
        )
        monitor = msgspec.structs.replace(monitor, config=config)
        return monitor, await outbox.add(tx, monitor.projection, now_ms)


async def delete(book: ConfigBook, org_id: int, public_id: UUID, now_ms: int) -> tuple[MonitorRow, OutboxRow]:
    """Delete a monitor and its keys; what it was is returned.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    async with book.write() as tx:
        monitor = await _find(tx, org_id, public_id)
        await tx.execute(DELETE, (monitor.config.id,))
        drop = DropMonitor(monitor.config.id, monitor.config.version + 1, monitor.digests)
        return monitor, await outbox.add(tx, drop, now_ms)


async def _find(source: ConfigBook | Transaction, org_id: int, public_id: UUID) -> MonitorRow:
    row = await source.row(FIND, (org_id, str(public_id)))
    if row is None:
        raise NotFound("There is no such monitor.")
    return _read(row)


def _changed(config: MonitorConfig, changes: MonitorChanges) -> MonitorConfig:
    wanted = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None}
    return msgspec.structs.replace(config, **wanted)


def _read(row: Row) -> MonitorRow:
    config = MonitorConfig(
        id=row["id"],
        public_id=UUID(row["public_id"]),
        org_id=row["org_id"],
        name=row["name"],
        interval_s=row["interval_s"],
        grace_s=row["grace_s"],
        paused=bool(row["paused"]),
        version=row["version"],
        key_epoch=row["key_epoch"],
    )
    return MonitorRow(
        config=config,
        token=row["token"],
        short_key=row["short_key"],
        origin=row["origin"],
        created_ms=row["created_ms"],
    )
