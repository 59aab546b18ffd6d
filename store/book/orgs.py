"""Organisations: whoever monitors, channels and API keys belong to."""

from __future__ import annotations

from sqlite3 import Row
from uuid import UUID, uuid4

import msgspec

from store.book import plans
from store.book.database import ConfigBook, Transaction
from store.errors import Invalid, NotFound
from store.plans import UNLIMITED

DEFAULT_ORG = "default"

_SELECT = "SELECT id, public_id, name, channels_version, plan, created_ms FROM orgs "

ALL = _SELECT + "ORDER BY id"

BY_NAME = _SELECT + "WHERE name = ?"

BY_ID = _SELECT + "WHERE id = ?"

INSERT = "INSERT INTO orgs (public_id, name, plan, created_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"

SET_PLAN = "UPDATE orgs SET plan = ? WHERE id = ?"

COUNT_MONITORS = "SELECT count(*) AS monitors FROM monitors WHERE org_id = ?"

COUNT_ALL_MONITORS = "SELECT org_id, count(*) AS monitors FROM monitors GROUP BY org_id"


class OrgRow(msgspec.Struct, frozen=True):
    """An organisation. `channels_version` grows with every change to its channels; `plan` is the plan's name."""

    id: int
    public_id: UUID
    name: str
    channels_version: int
    plan: str
    created_ms: int


async def all_orgs(book: ConfigBook) -> list[OrgRow]:
    """All organisations, oldest first."""
    return [_read(row) for row in await book.rows(ALL)]


async def create(book: ConfigBook, name: str, now_ms: int, plan: str = UNLIMITED) -> OrgRow:
    """Make an organisation.

    Raises:
        Invalid: the name is taken.
        NotFound: there is no such plan.
    """
    async with book.write() as tx:
        return await insert(tx, name, now_ms, plan)


async def insert(tx: Transaction, name: str, now_ms: int, plan: str = UNLIMITED) -> OrgRow:
    """As `create`, within a transaction."""
    chosen = await plans.by_name(tx, plan)
    if not await tx.execute(INSERT, (str(uuid4()), name, plan, now_ms)):
        raise Invalid(f"There is already an organisation named {name!r}.", "name")
    org = await by_name(tx, name)
    # Whom Redis knows nothing of has no limits.
    if chosen.min_interval_s or chosen.pings_per_minute:
        await plans.tell(tx, org.id, now_ms)
    return org


async def move(tx: Transaction, org: OrgRow, plan: str, now_ms: int) -> None:
    """Give an organisation another plan. What it has already stays.

    Raises:
        NotFound: there is no such plan.
    """
    await plans.by_name(tx, plan)
    if org.plan != plan:
        await tx.execute(SET_PLAN, (plan, org.id))
        await plans.tell(tx, org.id, now_ms)


async def count_monitors(source: ConfigBook | Transaction, org_id: int) -> int:
    """How many monitors an organisation has."""
    (row,) = await source.rows(COUNT_MONITORS, (org_id,))
    return int(row["monitors"])


async def count_all_monitors(source: ConfigBook | Transaction) -> dict[int, int]:
    """How many monitors each organisation has; one without any is missing."""
    return {row["org_id"]: row["monitors"] for row in await source.rows(COUNT_ALL_MONITORS)}


async def by_name(source: ConfigBook | Transaction, name: str) -> OrgRow:
    """The organisation of this name.

    Raises:
        NotFound: there is none.
    """
    row = await source.row(BY_NAME, (name,))
    if row is None:
        raise NotFound(f"There is no organisation named {name!r}.")
    return _read(row)


async def by_id(source: ConfigBook | Transaction, org_id: int) -> OrgRow:
    """The organisation with this id, which is known to be there."""
    (row,) = await source.rows(BY_ID, (org_id,))
    return _read(row)


def _read(row: Row) -> OrgRow:
    return OrgRow(
        row["id"],
        UUID(row["public_id"]),
        row["name"],
        row["channels_version"],
        row["plan"],
        row["created_ms"],
    )
