"""The one secret that signs the cookies of people who are signed in to the pages."""

from __future__ import annotations

import secrets

from store.book.database import ConfigBook, Transaction
from store.errors import NotFound

READ = "SELECT secret FROM session_secret"

INSERT = "INSERT INTO session_secret (id, secret) VALUES (1, ?) ON CONFLICT DO NOTHING"

REDRAW = "UPDATE session_secret SET secret = ?"

SECRET_BYTES = 32


async def read(book: ConfigBook) -> bytes:
    """The 32 bytes.

    Raises:
        NotFound: nothing was ever started on this database.
    """
    row = await book.row(READ)
    if row is None:
        raise NotFound("This database has never been started on; run `overdue serve` first.")
    return bytes(row["secret"])


async def insert(tx: Transaction) -> None:
    """Draw the secret unless there is one."""
    await tx.execute(INSERT, (secrets.token_bytes(SECRET_BYTES),))


async def redraw(book: ConfigBook) -> None:
    """Draw another one: no cookie that was handed out before is worth anything from now on."""
    async with book.write() as tx:
        await tx.execute(REDRAW, (secrets.token_bytes(SECRET_BYTES),))
