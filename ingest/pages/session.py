"""Who is signed in: a signed cookie that names an API key, and the token by which our own forms are known.

The cookie is `<key id>.<end in Unix s>.<random>.<HMAC-SHA256>`. It holds no key, so a stolen one cannot be used with
the API, and each request looks the key up again, so a session ends when its key is revoked; also when somebody signs
out of it (store/book/ended_sessions.py), and of no other session of the key.
"""

from __future__ import annotations

import hmac
import re
import secrets

import msgspec

COOKIE = "overdue_session"
LIFE_S = 14 * 86_400

# Before there is a session: what the form of the way in belongs to.
DOOR_COOKIE = "overdue_door"
DOOR_LIFE_S = 3600

_COOKIE = re.compile(r"([1-9][0-9]{0,17})\.([0-9]{1,12})\.([0-9a-f]{16})\.([0-9a-f]{64})", re.ASCII)
_DOOR_COOKIE = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Ticket(msgspec.Struct, frozen=True):
    """What a cookie of ours says: whose key it was made for, and until when it is good."""

    key_id: int
    until_ms: int


def seal(secret: bytes, key_id: int, now_ms: int) -> str:
    """The cookie of somebody who has just shown a valid key."""
    content = f"{key_id}.{now_ms // 1000 + LIFE_S}.{secrets.token_hex(8)}"
    return f"{content}.{_sign(secret, 'session', content)}"


def ticket_in(secret: bytes, cookie: str, now_ms: int) -> Ticket | None:
    """What a cookie says; None if it is not ours or too old."""
    match = _COOKIE.fullmatch(cookie)
    if match is None:
        return None
    content = f"{match[1]}.{match[2]}.{match[3]}"
    if not hmac.compare_digest(_sign(secret, "session", content), match[4]):
        return None
    ticket = Ticket(int(match[1]), int(match[2]) * 1000)
    return ticket if now_ms < ticket.until_ms else None


def door_cookie(known: str) -> str:
    """The one that somebody has already, so that the forms in all their windows are good; else a new one."""
    return known if _DOOR_COOKIE.fullmatch(known) else secrets.token_hex(16)


def form_token(secret: bytes, cookie: str) -> str:
    """What the forms of this session carry: a page of somebody else cannot know it."""
    return _sign(secret, "form", cookie)


def is_form_token(secret: bytes, cookie: str, token: str) -> bool:
    return hmac.compare_digest(form_token(secret, cookie).encode(), token.encode())


def _sign(secret: bytes, purpose: str, content: str) -> str:
    return hmac.digest(secret, f"{purpose}:{content}".encode(), "sha256").hex()
