"""The one row about this installation: its generation, which Redis has to carry too, and its number of shards."""

from __future__ import annotations

import secrets

import msgspec

from store.book.database import ConfigBook, Transaction
from store.errors import NotFound, Unavailable

READ = "SELECT generation, shards, created_ms FROM installation"

INSERT = (
    "INSERT INTO installation (id, generation, shards, created_ms) VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING"
)

SET_GENERATION = "UPDATE installation SET generation = ?"

REPLACE_GENERATION = "UPDATE installation SET generation = ? WHERE generation = ?"


class Installation(msgspec.Struct, frozen=True):
    generation: str
    shards: int
    created_ms: int


async def read(source: ConfigBook | Transaction) -> Installation:
    """The row.

    Raises:
        NotFound: nothing was ever started on this database.
    """
    row = await source.row(READ)
    if row is None:
        raise NotFound("This database has never been started on; run `overdue serve` first.")
    return Installation(row["generation"], row["shards"], row["created_ms"])


async def insert(tx: Transaction, shards: int, now_ms: int) -> None:
    """Write the row unless there is one."""
    await tx.execute(INSERT, (draw_generation(), shards, now_ms))


async def generation(book: ConfigBook) -> str:
    return (await read(book)).generation


async def set_generation(book: ConfigBook, generation: str) -> None:
    """From now on Redis has to carry this one."""
    async with book.write() as tx:
        await tx.execute(SET_GENERATION, (generation,))


async def replace_generation(book: ConfigBook, former: str, generation: str) -> None:
    """As `set_generation`, unless another process has set one since `former` was read.

    Raises:
        Unavailable: it has.
    """
    async with book.write() as tx:
        if not await tx.execute(REPLACE_GENERATION, (generation, former)):
            raise Unavailable("another process has put Redis in order")


def draw_generation() -> str:
    return secrets.token_hex(16)
