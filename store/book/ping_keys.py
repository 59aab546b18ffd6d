"""The keys that workers ping with: drawn until unused, kept beside their monitor."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable

from store.book.database import Transaction
from store.book.names import slug_of
from store.projection import key_digest

# 22 characters of 62 are 131 bits. Letters and digits alone survive every shell, crontab and double click.
_ALPHABET = string.ascii_letters + string.digits
_TOKEN_LENGTH = 22
_DRAWS = 20

# Takes the key unless somebody has it.
TAKE_KEY = """
INSERT INTO monitor_keys (monitor_id, kind, key, digest) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""


async def take_token(tx: Transaction, monitor_id: int) -> str:
    """Give the monitor a new token of at least 128 bits."""
    return await _take(tx, monitor_id, "token", draw_token)


async def take_short_key(tx: Transaction, monitor_id: int, name: str) -> str:
    """Give the monitor a short key: `<slug of its name>-<8 hex>`."""
    return await _take(tx, monitor_id, "short", lambda: draw_short_key(name))


def draw_token() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_TOKEN_LENGTH))


def draw_short_key(name: str) -> str:
    return f"{slug_of(name)}-{secrets.token_hex(4)}"


async def _take(tx: Transaction, monitor_id: int, kind: str, draw: Callable[[], str]) -> str:
    for _ in range(_DRAWS):
        key = draw()
        if await tx.execute(TAKE_KEY, (monitor_id, kind, key, key_digest(key.encode()))):
            return key
    raise RuntimeError(f"{_DRAWS} draws gave no unused {kind} key")
