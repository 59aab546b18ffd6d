"""Keys of the admin API: drawn, found by their digest, revoked. The key itself is never stored here."""

from __future__ import annotations

import secrets
import string
from hashlib import sha256
from sqlite3 import Row
from zlib import crc32

import msgspec

from store.book.database import ConfigBook, Transaction
from store.errors import NotFound
from store.settings import Secret

WRITE, READ = "write", "read"

_PREFIX = "od_"
_BASE62 = string.digits + string.ascii_letters
_SHOWN = 11
_DRAWN_LENGTH = len(_PREFIX) + 43 + 6

_SELECT = """
SELECT id, org_id, prefix, name, scope, is_admin, created_ms, last_used_ms, revoked_ms FROM api_keys
"""

INSERT = """
INSERT INTO api_keys (org_id, digest, prefix, name, scope, is_admin, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
"""

# Whoever holds the key that has this digest. Comparing digests by index tells an attacker nothing about keys.
BY_DIGEST = _SELECT + "WHERE digest = ? AND revoked_ms IS NULL"

OF_ORG = _SELECT + "WHERE org_id = ? ORDER BY id"

ALL = _SELECT + "ORDER BY org_id, id"

NOTE_USE = "UPDATE api_keys SET last_used_ms = ? WHERE id = ?"

REVOKE = "UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL"


class ApiKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as lists show it; `scope` is `write` or `read`."""

    id: int
    org_id: int
    prefix: str
    name: str
    scope: str
    is_admin: bool
    created_ms: int
    last_used_ms: int | None
    revoked_ms: int | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key to be noted; `is_admin` marks the one of OVERDUE_ADMIN_KEY."""

    org_id: int
    key: Secret
    name: str
    scope: str
    is_admin: bool = False


def draw_key() -> Secret:
    """`od_`, 256 random bits, and six characters of checksum by which scanners know a leaked key from noise."""
    body = _PREFIX + secrets.token_urlsafe(32)
    return Secret(body + _checksum(body))


def digest_of(key: str) -> bytes:
    return sha256(key.encode()).digest()


async def create(book: ConfigBook, org_id: int, name: str, scope: str, now_ms: int) -> tuple[int, Secret]:
    """Draw a key for an organisation: its id, and the key, which can never be shown again."""
    key = draw_key()
    async with book.write() as tx:
        return await insert(tx, NewKey(org_id=org_id, key=key, name=name, scope=scope), now_ms), key


async def insert(tx: Transaction, new: NewKey, now_ms: int) -> int:
    """Note a key within a transaction; its id."""
    values = (new.org_id, digest_of(new.key), shown(new.key), new.name, new.scope, new.is_admin, now_ms)
    return await tx.insert(INSERT, values)


async def holder(book: ConfigBook, key: str) -> ApiKeyRow | None:
    """The row of a key that is valid, or None."""
    row = await book.row(BY_DIGEST, (digest_of(key),))
    return None if row is None else read(row)


async def list_keys(book: ConfigBook, org_id: int | None = None) -> list[ApiKeyRow]:
    """Keys of one organisation, or of all."""
    rows = await (book.rows(ALL) if org_id is None else book.rows(OF_ORG, (org_id,)))
    return [read(row) for row in rows]


async def note_use(book: ConfigBook, key_id: int, now_ms: int) -> None:
    async with book.write() as tx:
        await tx.execute(NOTE_USE, (now_ms, key_id))


async def revoke(book: ConfigBook, key_id: int, now_ms: int) -> None:
    """From the next request on the key opens nothing.

    Raises:
        NotFound: there is no such key, or it is revoked already.
    """
    async with book.write() as tx:
        if not await tx.execute(REVOKE, (now_ms, key_id)):
            raise NotFound(f"There is no key {key_id} that could be revoked.")


def shown(key: str) -> str:
    """The part of a key that lists show; of one that a person chose, which may be short, nearly nothing."""
    return key[:_SHOWN] if key.startswith(_PREFIX) and len(key) == _DRAWN_LENGTH else key[:3] + "…"


def read(row: Row) -> ApiKeyRow:
    return ApiKeyRow(
        id=row["id"],
        org_id=row["org_id"],
        prefix=row["prefix"],
        name=row["name"],
        scope=row["scope"],
        is_admin=bool(row["is_admin"]),
        created_ms=row["created_ms"],
        last_used_ms=row["last_used_ms"],
        revoked_ms=row["revoked_ms"],
    )


def _checksum(body: str) -> str:
    number, digits = crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
