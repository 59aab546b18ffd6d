"""Organisations: whoever monitors, channels and API keys belong to."""

from __future__ import annotations

from sqlite3 import Row
from uuid import UUID, uuid4

import msgspec

from store.book.database import ConfigBook, Transaction
from store.errors import Invalid, NotFound

DEFAULT_ORG = "default"

_SELECT = "SELECT id, public_id, name, channels_version, created_ms FROM orgs "

ALL = _SELECT + "ORDER BY id"

BY_NAME = _SELECT + "WHERE name = ?"

INSERT = "INSERT INTO orgs (public_id, name, created_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


class OrgRow(msgspec.Struct, frozen=True):
    """An organisation. `channels_version` grows with every change to its channels."""

    id: int
    public_id: UUID
    name: str
    channels_version: int
    created_ms: int


async def all_orgs(book: ConfigBook) -> list[OrgRow]:
    """All organisations, oldest first."""
    return [_read(row) for row in await book.rows(ALL)]


async def create(book: ConfigBook, name: str, now_ms: int) -> OrgRow:
    """Make an organisation.

    Raises:
        Invalid: the name is taken.
    """
    async with book.write() as tx:
        return await insert(tx, name, now_ms)


async def insert(tx: Transaction, name: str, now_ms: int) -> OrgRow:
    """As `create`, within a transaction."""
    if not await tx.execute(INSERT, (str(uuid4()), name, now_ms)):
        raise Invalid(f"There is already an organisation named {name!r}.", "name")
    return await by_name(tx, name)


async def by_name(source: ConfigBook | Transaction, name: str) -> OrgRow:
    """The organisation of this name.

    Raises:
        NotFound: there is none.
    """
    row = await source.row(BY_NAME, (name,))
    if row is None:
        raise NotFound(f"There is no organisation named {name!r}.")
    return _read(row)


def _read(row: Row) -> OrgRow:
    return OrgRow(row["id"], UUID(row["public_id"]), row["name"], row["channels_version"], row["created_ms"])
