"""Changes that Redis may not have heard of yet: written with the change, settled when Redis has it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from sqlite3 import Row

import msgspec

from store.book.database import ConfigBook, Transaction
from store.projection import DropMonitor, Projection, PutChannels, PutMonitor, PutMonitors, PutPlan

log = logging.getLogger(__name__)

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Projection] = msgspec.msgpack.Decoder(
    PutMonitor | PutMonitors | DropMonitor | PutChannels | PutPlan
)

ADD = "INSERT INTO outbox (subject, payload, created_ms) VALUES (?, ?, ?)"

# The oldest first, so that a monitor's changes arrive in their order (late ones are harmless, but useless).
PENDING = "SELECT id, subject, payload, created_ms FROM outbox ORDER BY id LIMIT ?"

# Those that are old enough; a plan is changed by a command, which carries nothing itself.
DUE = """
SELECT id, subject, payload, created_ms FROM outbox
WHERE id > ? AND (created_ms <= ? OR subject LIKE 'plan:%') ORDER BY id LIMIT ?
"""

# A row of an import is 50 KB.
PAGE = 20
BEFORE_ALL = -(2**63)

SETTLE = "DELETE FROM outbox WHERE id = ?"


class OutboxRow(msgspec.Struct, frozen=True):
    """One change on its way to Redis. `subject` is for people: `monitor:12`, `channels:3`."""

    id: int
    subject: str
    projection: Projection
    created_ms: int


async def add(tx: Transaction, projection: Projection, now_ms: int) -> OutboxRow:
    """Note a change in the transaction that makes it."""
    subject = _subject(projection)
    row_id = await tx.insert(ADD, (subject, _ENCODER.encode(projection), now_ms))
    return OutboxRow(row_id, subject, projection, now_ms)


async def pending(
    book: ConfigBook, limit: int, complain: Callable[[str], None] = log.error
) -> list[OutboxRow]:
    """The oldest changes that are not settled. A row that cannot be read is reported to `complain` and left out."""
    rows = await book.rows(PENDING, (limit,))
    return [one for row in rows if (one := _read(row, complain)) is not None]


async def due(
    book: ConfigBook, until_ms: int, limit: int, complain: Callable[[str], None] = log.error
) -> AsyncIterator[OutboxRow]:
    """Up to `limit` changes from before `until_ms`, the oldest first, and those of plans.

    A row is decoded when its turn comes, as those of an import are large: going through many holds up nothing else.
    """
    after_id = BEFORE_ALL
    while limit > 0 and (rows := await book.rows(DUE, (after_id, until_ms, min(limit, PAGE)))):
        for row in rows:
            if (one := _read(row, complain)) is not None:
                yield one
        after_id, limit = rows[-1]["id"], limit - len(rows)


async def settle(book: ConfigBook, outbox_ids: Iterable[int]) -> None:
    """Redis has these changes. Settling one twice, or one that another process settled, does nothing."""
    ids: Sequence[int] = tuple(outbox_ids)
    if not ids:
        return
    async with book.write() as tx:
        for outbox_id in ids:
            await tx.execute(SETTLE, (outbox_id,))


def _subject(projection: Projection) -> str:
    match projection:
        case PutMonitor():
            return f"monitor:{projection.config.id}"
        case PutMonitors():
            return f"monitors:{projection.monitors[0].config.id}-{projection.monitors[-1].config.id}"
        case DropMonitor():
            return f"monitor:{projection.monitor_id}"
        case PutChannels():
            return f"channels:{projection.org_id}"
        case PutPlan():
            return f"plan:{projection.org_id}"


def _read(row: Row, complain: Callable[[str], None]) -> OutboxRow | None:
    """A change; None, and a complaint, if it cannot be read."""
    try:
        return OutboxRow(row["id"], row["subject"], _DECODER.decode(row["payload"]), row["created_ms"])
    except msgspec.DecodeError as error:
        complain(f"outbox row {row['id']} ({row['subject']}) cannot be read and is left out: {error}")
        return None
