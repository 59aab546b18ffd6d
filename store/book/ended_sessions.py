"""Sessions that somebody has signed out of: their cookies, which would be good for days, are worth nothing any more."""

from __future__ import annotations

from hashlib import sha256

from store.book.database import ConfigBook

NOTE = "INSERT INTO ended_sessions (digest, until_ms) VALUES (?, ?) ON CONFLICT DO NOTHING"

# A cookie that is too old needs no note.
FORGET = "DELETE FROM ended_sessions WHERE until_ms <= ?"


def digest_of(cookie: str) -> bytes:
    return sha256(cookie.encode()).digest()


async def end(book: ConfigBook, cookie: str, until_ms: int, now_ms: int) -> None:
    """From the next request on the cookie, which would be good until `until_ms`, opens nothing."""
    async with book.write() as tx:
        await tx.execute(FORGET, (now_ms,))
        await tx.execute(NOTE, (digest_of(cookie), until_ms))
