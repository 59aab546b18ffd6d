"""Monitors as asked for: every query on them, each scoped by organisation; each change with its outbox row."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Row
from uuid import UUID, uuid4

import msgspec

from store.book import monitor_channels, orgs, outbox, plans
from store.book.database import ConfigBook, Transaction
from store.book.outbox import OutboxRow
from store.book.ping_keys import take_short_key, take_token
from store.errors import LimitReached, NotFound
from store.monitor import MonitorConfig
from store.projection import DropMonitor, PutMonitor, key_digest

_SELECT = """
SELECT m.id, m.public_id, m.org_id, m.name, m.interval_s, m.grace_s, m.paused, m.version, m.key_epoch,
       m.origin, m.created_ms, m.pause_changed_ms, token.key AS token, short.key AS short_key,
       (SELECT json_group_array(tag) FROM (
            SELECT tag FROM monitor_tags WHERE monitor_id = m.id ORDER BY place)) AS tags,
       (SELECT json_group_array(public_id) FROM (
            SELECT c.public_id FROM monitor_channels AS n JOIN channels AS c ON c.id = n.channel_id
            WHERE n.monitor_id = m.id ORDER BY n.place)) AS channels
FROM monitors AS m
JOIN monitor_keys AS token ON token.monitor_id = m.id AND token.kind = 'token'
LEFT JOIN monitor_keys AS short ON short.monitor_id = m.id AND short.kind = 'short'
"""

# One monitor of an organisation, by its public id.
FIND = _SELECT + "WHERE m.org_id = ? AND m.public_id = ?"

BY_ID = _SELECT + "WHERE m.id = ?"

# A page of an organisation's monitors, oldest first.
PAGE = _SELECT + "WHERE m.org_id = ? AND m.id > ? ORDER BY m.id LIMIT ?"

# The same of those that have a tag.
PAGE_OF_TAG = (
    _SELECT
    + """
JOIN monitor_tags AS wanted ON wanted.monitor_id = m.id
WHERE wanted.org_id = ? AND wanted.tag = ? AND wanted.monitor_id > ? ORDER BY wanted.monitor_id LIMIT ?
"""
)

# A page of all monitors with their keys' digests, as Redis is to hold them.
ALL = """
SELECT m.id, m.public_id, m.org_id, m.name, m.interval_s, m.grace_s, m.paused, m.version, m.key_epoch,
       token.digest AS token, short.digest AS short
FROM monitors AS m
JOIN monitor_keys AS token ON token.monitor_id = m.id AND token.kind = 'token'
LEFT JOIN monitor_keys AS short ON short.monitor_id = m.id AND short.kind = 'short'
WHERE m.id > ? ORDER BY m.id LIMIT ?
"""

INSERT = """
INSERT INTO monitors
    (public_id, org_id, name, interval_s, grace_s, paused, version, key_epoch, origin, created_ms)
VALUES (?, ?, ?, ?, ?, 0, 1, 1, ?, ?)
"""

UPDATE = """
UPDATE monitors SET name = ?, interval_s = ?, grace_s = ?, paused = ?, version = ?, pause_changed_ms = ? WHERE id = ?
"""

RAISE_VERSION = "UPDATE monitors SET version = version + 1 WHERE id = ?"

FORGET_TAGS = "DELETE FROM monitor_tags WHERE monitor_id = ?"

ADD_TAG = "INSERT INTO monitor_tags (monitor_id, place, org_id, tag) VALUES (?, ?, ?, ?)"

# Its keys and tags go with it (ON DELETE CASCADE).
DELETE = "DELETE FROM monitors WHERE id = ?"


_TAGS = msgspec.json.Decoder(list[str])
_CHANNELS = msgspec.json.Decoder(tuple[UUID, ...])


class NewMonitor(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor to be made. `origin` is the spelling that asked: only `heartbeats` gets a short key."""

    org_id: int
    name: str
    interval_s: int
    grace_s: int
    origin: str
    tags: tuple[str, ...] = ()
    channels: tuple[UUID, ...] = ()


class MonitorChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different; None stays as it is. Without any `channels` it tells the default ones."""

    name: str | None = None
    interval_s: int | None = None
    grace_s: int | None = None
    paused: bool | None = None
    tags: tuple[str, ...] | None = None
    channels: tuple[UUID, ...] | None = None


class MonitorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor with its keys and tags. `pause_changed_ms` is when it was last paused or resumed, if it ever was."""

    config: MonitorConfig
    token: str
    short_key: str | None
    tags: tuple[str, ...]
    channels: tuple[UUID, ...]
    origin: str
    created_ms: int
    pause_changed_ms: int | None

    @property
    def digests(self) -> tuple[bytes, ...]:
        return tuple(key_digest(key.encode()) for key in (self.token, self.short_key) if key is not None)


async def create(book: ConfigBook, new: NewMonitor, now_ms: int) -> tuple[MonitorRow, OutboxRow]:
    """Make a monitor and draw its keys.

    Raises:
        LimitReached: the organisation has as many as its plan allows.
    """
    public_id = uuid4()
    values = (str(public_id), new.org_id, new.name, new.interval_s, new.grace_s, new.origin, now_ms)
    async with book.write() as tx:
        await _check_room(tx, new.org_id)
        monitor_id = await tx.insert(INSERT, values)
        await _add_tags(tx, monitor_id, new.org_id, new.tags)
        await monitor_channels.name(tx, new.org_id, monitor_id, new.channels)
        await take_token(tx, monitor_id)
        if new.origin == "heartbeats":
            await take_short_key(tx, monitor_id, new.name)
        tx.made = str(public_id)
        monitor = await _find(tx, new.org_id, public_id)
        return monitor, await _tell(tx, monitor, now_ms)


async def find(source: ConfigBook | Transaction, org_id: int, public_id: UUID) -> MonitorRow:
    """One monitor of this organisation.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    return await _find(source, org_id, public_id)


async def page(
    book: ConfigBook, org_id: int, after_id: int, limit: int, tag: str | None = None
) -> list[MonitorRow]:
    """Monitors of this organisation, oldest first, beyond the one with the id `after_id` (0: from the start)."""
    if tag is None:
        rows = await book.rows(PAGE, (org_id, after_id, limit))
    else:
        rows = await book.rows(PAGE_OF_TAG, (org_id, tag, after_id, limit))
    return [_read(row) for row in rows]


async def all_for_redis(book: ConfigBook, after_id: int, limit: int) -> list[PutMonitor]:
    """Monitors of all organisations, oldest first, for rebuilding what Redis holds."""
    return [
        PutMonitor(
            _read_config(row), (row["token"],) if row["short"] is None else (row["token"], row["short"])
        )
        for row in await book.rows(ALL, (after_id, limit))
    ]


async def change(
    book: ConfigBook, org_id: int, public_id: UUID, changes: MonitorChanges, now_ms: int
) -> tuple[MonitorRow, OutboxRow | None]:
    """Change a monitor. Without a difference that concerns Redis there is no outbox row.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    async with book.write() as tx:
        monitor = await _find(tx, org_id, public_id)
        if changes.tags is not None and changes.tags != monitor.tags:
            await tx.execute(FORGET_TAGS, (monitor.config.id,))
            await _add_tags(tx, monitor.config.id, org_id, changes.tags)
            monitor = msgspec.structs.replace(monitor, tags=changes.tags)
        names_others = changes.channels is not None and changes.channels != monitor.channels
        if changes.channels is not None and names_others:
            await monitor_channels.name(tx, org_id, monitor.config.id, changes.channels)
        wanted = _changed(monitor.config, changes)
        if wanted == monitor.config and not names_others:
            return monitor, None
        config = msgspec.structs.replace(wanted, version=wanted.version + 1)
        pause_changed_ms = monitor.pause_changed_ms if config.paused == monitor.config.paused else now_ms
        values = (config.name, config.interval_s, config.grace_s, config.paused, config.version)
        await tx.execute(UPDATE, (*values, pause_changed_ms, config.id))
        monitor = await _find(tx, org_id, public_id)
        return monitor, await _tell(tx, monitor, now_ms)


async def put_again(
    book: ConfigBook, monitor_id: int, now_ms: int, gone: tuple[bytes, ...] = ()
) -> OutboxRow | None:
    """Tell Redis of a monitor as if it had been changed; None if there is no such monitor.

    `gone` are digests that are not its keys, whatever Redis believes.
    """
    async with book.write() as tx:
        await tx.execute(RAISE_VERSION, (monitor_id,))
        row = await tx.row(BY_ID, (monitor_id,))
        if row is None:
            return None
        return await _tell(tx, _read(row), now_ms, gone)


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


async def _tell(tx: Transaction, monitor: MonitorRow, now_ms: int, gone: tuple[bytes, ...] = ()) -> OutboxRow:
    named = await monitor_channels.ids_of(tx, monitor.config.id)
    return await outbox.add(tx, PutMonitor(monitor.config, monitor.digests, gone, named), now_ms)


async def _find(source: ConfigBook | Transaction, org_id: int, public_id: UUID) -> MonitorRow:
    row = await source.row(FIND, (org_id, str(public_id)))
    if row is None:
        raise NotFound("There is no such monitor.")
    return _read(row)


async def _check_room(tx: Transaction, org_id: int) -> None:
    plan = await plans.of_org(tx, org_id)
    if plan.monitors and await orgs.count_monitors(tx, org_id) >= plan.monitors:
        sentence = f"The plan {plan.name!r} has room for {plan.monitors} monitors, and all are taken."
        raise LimitReached(sentence, plan.monitors)


async def _add_tags(tx: Transaction, monitor_id: int, org_id: int, tags: Sequence[str]) -> None:
    for place, tag in enumerate(tags):
        await tx.execute(ADD_TAG, (monitor_id, place, org_id, tag))


def _changed(config: MonitorConfig, changes: MonitorChanges) -> MonitorConfig:
    """The configuration after a change; tags and channels are no part of it."""
    asked = msgspec.structs.asdict(changes)
    apart = ("tags", "channels")
    wanted = {name: value for name, value in asked.items() if value is not None and name not in apart}
    return msgspec.structs.replace(config, **wanted)


def _read(row: Row) -> MonitorRow:
    return MonitorRow(
        config=_read_config(row),
        token=row["token"],
        short_key=row["short_key"],
        tags=tuple(_TAGS.decode(row["tags"])),
        channels=_CHANNELS.decode(row["channels"]),
        origin=row["origin"],
        created_ms=row["created_ms"],
        pause_changed_ms=row["pause_changed_ms"],
    )


def _read_config(row: Row) -> MonitorConfig:
    return MonitorConfig(
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
