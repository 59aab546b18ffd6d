"""Keys of the admin API: drawn, found by their digest, revoked. The key itself is never stored here."""

from __future__ import annotations

import secrets
import string
from hashlib import sha256
from sqlite3 import Row
from zlib import crc32

import msgspec

from store.book import ended_sessions, plans
from store.book.database import ConfigBook, Transaction
from store.errors import Conflict, LimitReached, NotFound
from store.plans import Plan
from store.settings import Secret

WRITE, READ = "write", "read"

_PREFIX = "od_"
_BASE62 = string.digits + string.ascii_letters
_SHOWN = 11
_DRAWN_LENGTH = len(_PREFIX) + 43 + 6
MAX_KEYS = 1000

_SELECT = """
SELECT id, org_id, prefix, name, scope, is_admin, created_ms, last_used_ms, revoked_ms FROM api_keys
"""

_HOLDER = f"""
SELECT k.id, k.org_id, k.prefix, k.name, k.scope, k.is_admin, k.created_ms, k.last_used_ms, k.revoked_ms,
       {plans.COLUMNS}
FROM api_keys AS k JOIN orgs ON orgs.id = k.org_id JOIN plans ON plans.name = orgs.plan
"""

INSERT = """
INSERT INTO api_keys (org_id, digest, prefix, name, scope, is_admin, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
"""

# Whoever holds the key that has this digest, with the plan that applies. Comparing digests by index tells an attacker
# nothing about keys.
BY_DIGEST = _HOLDER + "WHERE k.digest = ? AND k.revoked_ms IS NULL"

# The same by the key's id, for people who are signed in and have not signed out.
BY_SESSION = (
    _HOLDER
    + """
WHERE k.id = ? AND k.revoked_ms IS NULL AND NOT EXISTS (SELECT 1 FROM ended_sessions WHERE digest = ?)
"""
)

OF_ORG = _SELECT + "WHERE org_id = ? ORDER BY id"

# A page of an organisation's keys, oldest first; those that were revoked are among them.
PAGE = _SELECT + "WHERE org_id = ? AND id > ? ORDER BY id LIMIT ?"

FIND = _SELECT + "WHERE org_id = ? AND id = ?"

COUNT_VALID = "SELECT count(*) AS keys FROM api_keys WHERE org_id = ? AND revoked_ms IS NULL"

ALL = _SELECT + "ORDER BY org_id, id"

NOTE_USE = "UPDATE api_keys SET last_used_ms = ? WHERE id = ?"

REVOKE = "UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL"

IS_ADMIN = "SELECT 1 FROM api_keys WHERE id = ? AND is_admin AND revoked_ms IS NULL"

# How the one key that is not revoked is got rid of all the same.
REPLACE_ADMIN_KEY = (
    "The admin key cannot be revoked, only replaced: set another one in OVERDUE_ADMIN_KEY (or, if it was drawn, remove "
    "the file admin-key, so that another one is drawn), and start Overdue again."
)


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


class KeyHolder(ApiKeyRow, frozen=True, kw_only=True):
    """An API key that is valid, with the plan of its organisation."""

    plan: Plan


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


def is_whole(key: str) -> bool:
    """False for a key that looks like one of ours, but whose checksum is wrong: nobody was ever given it."""
    return not _looks_drawn(key) or _checksum(key[:-6]) == key[-6:]


def digest_of(key: str) -> bytes:
    return sha256(key.encode()).digest()


async def create(book: ConfigBook, org_id: int, name: str, scope: str, now_ms: int) -> tuple[int, Secret]:
    """Draw a key for an organisation: its id, and the key, which can never be shown again.

    Raises:
        LimitReached: it has as many as an organisation can have.
    """
    key = draw_key()
    async with book.write() as tx:
        (row,) = await tx.rows(COUNT_VALID, (org_id,))
        if row["keys"] >= MAX_KEYS:
            raise LimitReached(
                f"An organisation has at most {MAX_KEYS} API keys; revoke one first.", MAX_KEYS
            )
        key_id = await insert(tx, NewKey(org_id=org_id, key=key, name=name, scope=scope), now_ms)
        tx.made = str(key_id)
        return key_id, key


async def insert(tx: Transaction, new: NewKey, now_ms: int) -> int:
    """Note a key within a transaction; its id."""
    values = (new.org_id, digest_of(new.key), shown(new.key), new.name, new.scope, new.is_admin, now_ms)
    return await tx.insert(INSERT, values)


async def holder(book: ConfigBook, key: str) -> KeyHolder | None:
    """The row of a key that is valid, or None. One that is not whole is not even looked for."""
    row = await book.row(BY_DIGEST, (digest_of(key),)) if is_whole(key) else None
    return None if row is None else _read_holder(row)


async def holder_of_session(book: ConfigBook, key_id: int, cookie: str) -> KeyHolder | None:
    """The row of the key that a session's cookie names; None if it is not valid, or the session has ended."""
    row = await book.row(BY_SESSION, (key_id, ended_sessions.digest_of(cookie)))
    return None if row is None else _read_holder(row)


async def list_keys(book: ConfigBook, org_id: int | None = None) -> list[ApiKeyRow]:
    """Keys of one organisation, or of all."""
    rows = await (book.rows(ALL) if org_id is None else book.rows(OF_ORG, (org_id,)))
    return [read(row) for row in rows]


async def page(book: ConfigBook, org_id: int, after_id: int, limit: int) -> list[ApiKeyRow]:
    """Keys of this organisation, oldest first, beyond the one with the id `after_id` (0: from the start)."""
    return [read(row) for row in await book.rows(PAGE, (org_id, after_id, limit))]


async def find(book: ConfigBook, org_id: int, key_id: int) -> ApiKeyRow:
    """One key of this organisation.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    row = await book.row(FIND, (org_id, key_id))
    if row is None:
        raise NotFound("There is no such key.")
    return read(row)


async def note_use(book: ConfigBook, key_id: int, now_ms: int) -> None:
    async with book.write() as tx:
        await tx.execute(NOTE_USE, (now_ms, key_id))


async def revoke(book: ConfigBook, key_id: int, now_ms: int) -> None:
    """From the next request on the key opens nothing.

    Raises:
        NotFound: there is no such key, or it is revoked already.
        Conflict: it is the admin key, without which the next start could not go on as the last one.
    """
    async with book.write() as tx:
        if await tx.row(IS_ADMIN, (key_id,)) is not None:
            raise Conflict(REPLACE_ADMIN_KEY)
        if not await tx.execute(REVOKE, (now_ms, key_id)):
            raise NotFound(f"There is no key {key_id} that could be revoked.")


def shown(key: str) -> str:
    """The part of a key that lists show; of one that a person chose, which may be short, nearly nothing."""
    return key[:_SHOWN] if _looks_drawn(key) else key[:3] + "…"


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


def _read_holder(row: Row) -> KeyHolder:
    return KeyHolder(plan=plans.read_plan(row), **msgspec.structs.asdict(read(row)))


def _looks_drawn(key: str) -> bool:
    return key.startswith(_PREFIX) and len(key) == _DRAWN_LENGTH


def _checksum(body: str) -> str:
    number, digits = crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
