"""Monitors that are made from a file: many in one transaction, which also notes how far the file was read.

So an import that was cut off goes on where it stopped, and one that is repeated makes nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Row
from uuid import UUID, uuid4

import msgspec

from store.book import orgs, outbox, plans
from store.book.database import ConfigBook, SqlValue, Transaction
from store.book.monitors import ADD_TAG, NewMonitor
from store.book.outbox import OutboxRow
from store.book.ping_keys import draw_token
from store.book.rules_ahead import COLUMNS, Asked, wish_values, with_rules
from store.errors import Invalid, LimitReached
from store.monitor import MonitorConfig
from store.projection import PutMonitor, PutMonitors, key_digest

ORIGIN = "monitors"
# So many monitors travel to Redis in one outbox row, and in one call.
PER_PROJECTION = 256

# The latest import of a file, with how many of its monitors are made.
FIND = """
SELECT id, org_id, lines, created_ms,
       (SELECT coalesce(sum(monitors), 0) FROM import_batches WHERE import_id = imports.id) AS done
FROM imports WHERE org_id = ? AND digest = ? ORDER BY id DESC LIMIT 1
"""

BEGIN = "INSERT INTO imports (org_id, digest, lines, created_ms) VALUES (?, ?, ?, ?)"

DONE = "SELECT coalesce(sum(monitors), 0) AS done FROM import_batches WHERE import_id = ?"

NOTE_BATCH = "INSERT INTO import_batches (import_id, first_monitor_id, monitors) VALUES (?, ?, ?)"

BATCHES = (
    "SELECT first_monitor_id, monitors FROM import_batches WHERE import_id = ? ORDER BY first_monitor_id"
)

# The last id that a monitor was given, also one that is gone.
LAST_MONITOR_ID = (
    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'monitors'), 0) AS last_monitor_id"
)

INSERT = f"""
INSERT INTO monitors
    (id, public_id, org_id, name, interval_s, grace_s, paused, version, key_epoch, origin, created_ms, {COLUMNS})
VALUES (?, ?, ?, ?, ?, ?, 0, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?)
"""

INSERT_KEY = "INSERT INTO monitor_keys (monitor_id, kind, key, digest) VALUES (?, 'token', ?, ?)"

# What is left of a batch; monitors may have been deleted since.
MADE = """
SELECT m.public_id, m.name, token.key AS token
FROM monitors AS m
JOIN monitor_keys AS token ON token.monitor_id = m.id AND token.kind = 'token'
WHERE m.id >= ? AND m.id < ? AND m.org_id = ? ORDER BY m.id
"""


class Import(msgspec.Struct, frozen=True):
    """An import of a file: how many monitors it asks for, and how many of them are made."""

    id: int
    org_id: int
    lines: int
    created_ms: int
    done: int

    @property
    def is_complete(self) -> bool:
        return self.done >= self.lines


class Made(msgspec.Struct, frozen=True):
    """A monitor that was made, as its importer is told of it."""

    public_id: UUID
    name: str
    token: str


class Batch(msgspec.Struct, frozen=True):
    """What one transaction made, and what Redis is to be told of it."""

    made: list[Made]
    changes: list[OutboxRow]


async def find(book: ConfigBook, org_id: int, digest: bytes) -> Import | None:
    """The latest import of a file into an organisation."""
    row = await book.row(FIND, (org_id, digest))
    return None if row is None else _read(row)


async def begin(book: ConfigBook, org_id: int, digest: bytes, lines: int, now_ms: int) -> Import:
    """Note that a file is being imported."""
    async with book.write() as tx:
        import_id = await tx.insert(BEGIN, (org_id, digest, lines, now_ms))
    return Import(import_id, org_id, lines, now_ms, 0)


async def add(book: ConfigBook, one: Import, monitors: Sequence[NewMonitor], now_ms: int) -> Batch:
    """Make the next monitors of a file, all of them or none.

    Raises:
        LimitReached: the plan of the organisation has no room for them.
        Invalid: somebody else imports the same file at this moment.
    """
    async with book.write() as tx:
        await check_room(tx, one.org_id, len(monitors))
        if (await tx.rows(DONE, (one.id,)))[0]["done"] != one.done:
            raise Invalid("This file is being imported by another process.")
        (last,) = await tx.rows(LAST_MONITOR_ID)
        first_id = last["last_monitor_id"] + 1
        configs = [_config(first_id + place, new) for place, new in enumerate(monitors)]
        tokens = [draw_token() for _ in monitors]
        digests = [key_digest(token.encode()) for token in tokens]
        await tx.insert_many(
            INSERT, [_row(config, new, now_ms) for config, new in zip(configs, monitors, strict=True)]
        )
        await tx.insert_many(
            INSERT_KEY,
            [(c.id, token, digest) for c, token, digest in zip(configs, tokens, digests, strict=True)],
        )
        await tx.insert_many(ADD_TAG, _tags(configs, monitors))
        await tx.execute(NOTE_BATCH, (one.id, first_id, len(monitors)))
        asked = [Asked(config, new.wishes) for config, new in zip(configs, monitors, strict=True)]
        ruled = await with_rules(tx, asked, now_ms, {})
        puts = [PutMonitor(config, (digest,)) for config, digest in zip(ruled, digests, strict=True)]
        changes = [
            await outbox.add(tx, PutMonitors(tuple(puts[at : at + PER_PROJECTION])), now_ms)
            for at in range(0, len(puts), PER_PROJECTION)
        ]
    made = [Made(c.public_id, c.name, token) for c, token in zip(configs, tokens, strict=True)]
    return Batch(made, changes)


async def check_room(source: ConfigBook | Transaction, org_id: int, more: int) -> None:
    """Whether an organisation's plan has room for so many monitors more.

    Raises:
        LimitReached: it has not.
    """
    plan, taken = await plans.of_org(source, org_id), await orgs.count_monitors(source, org_id)
    if plan.monitors and taken + more > plan.monitors:
        sentence = (
            f"The plan {plan.name!r} has room for {plan.monitors} monitors; "
            f"{taken} are taken, and {more} more are asked for."
        )
        raise LimitReached(sentence, plan.monitors)


async def batches(book: ConfigBook, one: Import) -> list[tuple[int, int]]:
    """The first monitor's id and the number of monitors of each batch, in the order of the file."""
    rows = await book.rows(BATCHES, (one.id,))
    return [(row["first_monitor_id"], row["monitors"]) for row in rows]


async def made(book: ConfigBook, one: Import, first_id: int, count: int) -> list[Made]:
    """The monitors of a batch that are still there."""
    rows = await book.rows(MADE, (first_id, first_id + count, one.org_id))
    return [Made(UUID(row["public_id"]), row["name"], row["token"]) for row in rows]


def _config(monitor_id: int, new: NewMonitor) -> MonitorConfig:
    return MonitorConfig(
        id=monitor_id,
        public_id=uuid4(),
        org_id=new.org_id,
        name=new.name,
        interval_s=new.interval_s,
        grace_s=new.grace_s,
        paused=False,
        version=1,
        key_epoch=1,
    )


def _row(config: MonitorConfig, new: NewMonitor, now_ms: int) -> tuple[SqlValue, ...]:
    return (
        config.id,
        str(config.public_id),
        config.org_id,
        config.name,
        config.interval_s,
        config.grace_s,
        ORIGIN,
        now_ms,
        *wish_values(new.wishes),
    )


def _tags(configs: Sequence[MonitorConfig], monitors: Sequence[NewMonitor]) -> list[tuple[SqlValue, ...]]:
    return [
        (config.id, place, config.org_id, tag)
        for config, new in zip(configs, monitors, strict=True)
        for place, tag in enumerate(new.tags)
    ]


def _read(row: Row) -> Import:
    return Import(row["id"], row["org_id"], row["lines"], row["created_ms"], row["done"])
