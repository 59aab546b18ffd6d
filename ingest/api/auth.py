"""Who is calling: from an API key to its organisation and what it may do."""

from __future__ import annotations

from starlette.datastructures import Headers

from store.book import keys
from store.book.database import ConfigBook
from store.book.keys import ApiKeyRow

# A key's last use is noted at most this often, so that reading stays reading.
USE_NOTED_EVERY_MS = 60_000


async def find_caller(book: ConfigBook, headers: Headers) -> ApiKeyRow | None:
    """The holder of the key in the headers; None without a key or with a wrong one.

    Each request asks the database again, so a revoked key opens nothing from that moment on, in every process.
    """
    key = _key_in(headers)
    return await keys.holder(book, key) if key else None


async def note_use(book: ConfigBook, caller: ApiKeyRow, now_ms: int) -> None:
    """Note that the key was used, unless that was noted a moment ago."""
    if caller.last_used_ms is None or now_ms - caller.last_used_ms >= USE_NOTED_EVERY_MS:
        await keys.note_use(book, caller.id, now_ms)


def _key_in(headers: Headers) -> str:
    """A Bearer key, else `x-api-key`: some proxies put an Authorization of their own."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("x-api-key", "").strip()
