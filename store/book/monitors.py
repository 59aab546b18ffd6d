"""Monitors as asked for: every query on them, each scoped by organisation; each change with its outbox row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import msgspec

from store.book import monitor_channels, orgs, outbox, plans
from store.book.database import ConfigBook, Transaction
from store.book.monitor_rows import ALL, BY_ID, FIND, PAGE, PAGE_OF_TAG, read_config, read_monitor
from store.book.monitor_rows import MonitorRow as MonitorRow
from store.book.outbox import OutboxRow
from store.book.ping_keys import take_short_key, take_token
from store.book.rules_ahead import COLUMNS, Asked, Heard, read_wishes, wish_values, with_rules
from store.errors import LimitReached, NotFound
from store.monitor import MonitorConfig
from store.projection import DropMonitor, PutMonitor
from store.wishes import WishChanges, Wishes, standing_rules
from store.wishes import changed as changed_wishes

INSERT = f"""
INSERT INTO monitors
    (public_id, org_id, name, interval_s, grace_s, paused, version, key_epoch, origin, created_ms, {COLUMNS})
VALUES (?, ?, ?, ?, ?, 0, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?)
"""

UPDATE = f"""
UPDATE monitors
SET name = ?, interval_s = ?, grace_s = ?, paused = ?, version = ?, pause_changed_ms = ?,
    ({COLUMNS}) = (?, ?, ?, ?, ?, ?)
WHERE id = ?
"""

RAISE_VERSION = "UPDATE monitors SET version = version + 1 WHERE id = ?"

FORGET_TAGS = "DELETE FROM monitor_tags WHERE monitor_id = ?"

ADD_TAG = "INSERT INTO monitor_tags (monitor_id, place, org_id, tag) VALUES (?, ?, ?, ?)"

# Its keys and tags go with it (ON DELETE CASCADE).
DELETE = "DELETE FROM monitors WHERE id = ?"


class NewMonitor(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor to be made. `origin` is the spelling that asked: only `heartbeats` gets a short key."""

    org_id: int
    name: str
    interval_s: int
    grace_s: int
    origin: str
    tags: tuple[str, ...] = ()
    channels: tuple[UUID, ...] = ()
    wishes: Wishes = Wishes()


class MonitorChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different; None stays as it is. Without any `channels` it tells the default ones."""

    name: str | None = None
    interval_s: int | None = None
    grace_s: int | None = None
    paused: bool | None = None
    tags: tuple[str, ...] | None = None
    channels: tuple[UUID, ...] | None = None
    wishes: WishChanges = WishChanges()


async def create(
    book: ConfigBook, new: NewMonitor, now_ms: int, heard: Heard | None = None
) -> tuple[MonitorRow, OutboxRow]:
    """Make a monitor and draw its keys. `heard`: the time in Redis, if that may be another one.

    Raises:
        LimitReached: the organisation has as many as its plan allows.
    """
    public_id = uuid4()
    asked = (str(public_id), new.org_id, new.name, new.interval_s, new.grace_s, new.origin, now_ms)
    values = (*asked, *wish_values(new.wishes))
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
        return monitor, await _tell(tx, monitor, now_ms, heard)


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
    return [read_monitor(row) for row in rows]


async def all_for_redis(
    book: ConfigBook, after_id: int, limit: int, now_ms: int, bases_ms: Mapping[int, int] | None = None
) -> list[PutMonitor]:
    """Monitors of all organisations, oldest first, as Redis is to hold them; `bases_ms`: when they were heard."""
    rows = await book.rows(ALL, (after_id, limit))
    asked = [Asked(read_config(row), read_wishes(row)) for row in rows]
    configs = await with_rules(book, asked, now_ms, bases_ms or {})
    return [
        PutMonitor(config, (row["token"],) if row["short"] is None else (row["token"], row["short"]))
        for config, row in zip(configs, rows, strict=True)
    ]


async def change(
    book: ConfigBook,
    org_id: int,
    public_id: UUID,
    changes: MonitorChanges,
    now_ms: int,
    heard: Heard | None = None,
) -> tuple[MonitorRow, OutboxRow | None]:
    """Change a monitor. Without a difference that concerns Redis there is no outbox row.

    A schedule counts from the last sign of life; while that is not known, from now.

    Raises:
        Invalid: its schedule cannot be used.
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
        wishes, interval_s = changed_wishes(monitor.wishes, changes.wishes, changes.interval_s)
        wanted = _changed(monitor.config, changes, wishes, interval_s)
        if wanted == monitor.config and not names_others:
            return monitor, None
        config = msgspec.structs.replace(wanted, version=wanted.version + 1)
        pause_changed_ms = monitor.pause_changed_ms if config.paused == monitor.config.paused else now_ms
        values = (config.name, config.interval_s, config.grace_s, config.paused, config.version)
        await tx.execute(UPDATE, (*values, pause_changed_ms, *wish_values(wishes), config.id))
        monitor = await _find(tx, org_id, public_id)
        return monitor, await _tell(tx, monitor, now_ms, heard)


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
        return await _tell(tx, read_monitor(row), now_ms, gone=gone)


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


async def _tell(
    tx: Transaction,
    monitor: MonitorRow,
    now_ms: int,
    heard: Heard | None = None,
    gone: tuple[bytes, ...] = (),
) -> OutboxRow:
    monitor_id = monitor.config.id
    named = await monitor_channels.ids_of(tx, monitor_id)
    heard = heard or Heard(now_ms)
    bases_ms = {} if heard.base_ms is None else {monitor_id: heard.base_ms}
    (config,) = await with_rules(tx, [Asked(monitor.config, monitor.wishes)], heard.now_ms, bases_ms)
    return await outbox.add(tx, PutMonitor(config, monitor.digests, gone, named), now_ms)


async def _find(source: ConfigBook | Transaction, org_id: int, public_id: UUID) -> MonitorRow:
    row = await source.row(FIND, (org_id, str(public_id)))
    if row is None:
        raise NotFound("There is no such monitor.")
    return read_monitor(row)


async def _check_room(tx: Transaction, org_id: int) -> None:
    plan = await plans.of_org(tx, org_id)
    if plan.monitors and await orgs.count_monitors(tx, org_id) >= plan.monitors:
        sentence = f"The plan {plan.name!r} has room for {plan.monitors} monitors, and all are taken."
        raise LimitReached(sentence, plan.monitors)


async def _add_tags(tx: Transaction, monitor_id: int, org_id: int, tags: Sequence[str]) -> None:
    for place, tag in enumerate(tags):
        await tx.execute(ADD_TAG, (monitor_id, place, org_id, tag))


def _changed(
    config: MonitorConfig, changes: MonitorChanges, wishes: Wishes, interval_s: int | None
) -> MonitorConfig:
    """The configuration after a change; tags and channels are no part of it."""
    asked = {
        "name": changes.name,
        "interval_s": interval_s,
        "grace_s": changes.grace_s,
        "paused": changes.paused,
    }
    wanted = {name: value for name, value in asked.items() if value is not None}
    return msgspec.structs.replace(config, **wanted, rules=standing_rules(wishes))
