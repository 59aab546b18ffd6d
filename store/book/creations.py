"""What calls with an Idempotency-Key have created: noted with it, in one transaction, and forgotten after a day."""

from __future__ import annotations

from hashlib import sha256
from sqlite3 import Row

import msgspec

from store.book.database import ConfigBook, Transaction
from store.errors import OverdueError

KEPT_MS = 86_400_000

FIND = """
SELECT request, made, reply, is_open, created_ms FROM creations WHERE org_id = ? AND key = ? AND created_ms > ?
"""

FORGET = "DELETE FROM creations WHERE created_ms <= ?"

NOTE = """
INSERT INTO creations (org_id, key, request, made, created_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""

CLOSE = "UPDATE creations SET reply = ?, is_open = 0 WHERE org_id = ? AND key = ?"


class Taken(OverdueError):
    """Somebody was faster with the same key; what was about to be created is undone."""


class Wish(msgspec.Struct, frozen=True):
    """A call that is to create something once: whose, by which key, and what exactly was asked for."""

    org_id: int
    key: bytes
    request: bytes
    at_ms: int


class Creation(msgspec.Struct, frozen=True):
    """What a call has created. While `is_open`, it has not been answered."""

    request: bytes
    made: str
    reply: bytes | None
    is_open: bool
    created_ms: int


def wish(org_id: int, key: str, request: bytes, at_ms: int) -> Wish:
    """A wish as it is noted: neither the key nor the request itself is kept."""
    return Wish(org_id, sha256(key.encode()).digest(), sha256(request).digest(), at_ms)


async def find(book: ConfigBook, asked: Wish) -> Creation | None:
    """What a call with this key has created within the last day."""
    row = await book.row(FIND, (asked.org_id, asked.key, asked.at_ms - KEPT_MS))
    return None if row is None else _read(row)


async def note(tx: Transaction, asked: Wish) -> None:
    """Note what the transaction makes, in itself. What is older than a day is forgotten.

    Raises:
        Taken: a call with this key has created something meanwhile.
    """
    await tx.execute(FORGET, (asked.at_ms - KEPT_MS,))
    if not await tx.execute(NOTE, (asked.org_id, asked.key, asked.request, tx.made, asked.at_ms)):
        raise Taken("A call with this Idempotency-Key was faster.")


async def close(book: ConfigBook, asked: Wish, reply: bytes | None) -> None:
    """The call is answered: with this, or with an error."""
    async with book.write() as tx:
        await tx.execute(CLOSE, (reply, asked.org_id, asked.key))


def _read(row: Row) -> Creation:
    return Creation(row["request"], row["made"], row["reply"], bool(row["is_open"]), row["created_ms"])
