"""Who is signed in: a signed cookie that names an API key, and the token by which our own forms are known.

The cookie is `<key id>.<end in Unix s>.<HMAC-SHA256>`. It holds no key, so a stolen one cannot be used with the API,
and each request looks the key up again, so a session ends when its key is revoked.
"""

from __future__ import annotations

import hmac
import re

COOKIE = "overdue_session"
LIFE_S = 14 * 86_400

_COOKIE = re.compile(r"([1-9][0-9]{0,17})\.([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


def seal(secret: bytes, key_id: int, now_ms: int) -> str:
    """The cookie of somebody who has just shown a valid key."""
    content = f"{key_id}.{now_ms // 1000 + LIFE_S}"
    return f"{content}.{_sign(secret, 'session', content)}"


def key_id_in(secret: bytes, cookie: str, now_ms: int) -> int | None:
    """The id of the key that a cookie was made for; None if it is not ours or too old."""
    match = _COOKIE.fullmatch(cookie)
    if match is None:
        return None
    content = f"{match[1]}.{match[2]}"
    if not hmac.compare_digest(_sign(secret, "session", content), match[3]):
        return None
    return int(match[1]) if now_ms < int(match[2]) * 1000 else None


def form_token(secret: bytes, cookie: str) -> str:
    """What the forms of this session carry: a page of somebody else cannot know it."""
    return _sign(secret, "form", cookie)


def is_form_token(secret: bytes, cookie: str, token: str) -> bool:
    return hmac.compare_digest(form_token(secret, cookie).encode(), token.encode())


def _sign(secret: bytes, purpose: str, content: str) -> str:
    return hmac.digest(secret, f"{purpose}:{content}".encode(), "sha256").hex()
