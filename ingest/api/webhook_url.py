"""What the URL of a webhook may look like, and how it is shown. Where it leads is checked when it is called."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from store.errors import Invalid

MAX_URL = 2048
MASK = "***"
# Shorter parts of a path are names, not secrets.
LEAST_SECRET = 16

# RFC 3986 without what needs encoding; a backslash or a blank makes readers of URLs disagree about the host.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)


def check_webhook_url(url: str, former: str = "") -> str:
    """The URL itself; the `former` one, if that is given as it is shown.

    Raises:
        Invalid: it cannot be called, or holds a user name; names the field `url`.
    """
    if former and url == masked(former):
        return former
    if MASK in url:
        raise Invalid(f"{MASK} stands for what is not shown; write the whole URL.", "url")
    if len(url) > MAX_URL:
        raise Invalid(f"A URL has at most {MAX_URL} characters.", "url")
    if not _URL.fullmatch(url):
        raise Invalid("A URL has no blanks and only ASCII characters; percent-encode the others.", "url")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Invalid(f"This is not a URL: {error}.", "url") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise Invalid("A URL starts with http:// or https:// and names a host.", "url")
    if "@" in parts.netloc:
        raise Invalid("Leave user name and password out of the URL; every call is signed instead.", "url")
    if port == 0 or "%" in host:
        raise Invalid("This host and port cannot be called.", "url")
    return url


def masked(url: str) -> str:
    """As it may be shown: without the values in its query, its fragment, and what looks like a token in its path."""
    parts = urlsplit(url)
    path = "/".join(MASK if _is_secret(part) else part for part in parts.path.split("/"))
    query = "&".join(_masked_field(field) for field in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc, path, query, MASK if parts.fragment else ""))


def _masked_field(field: str) -> str:
    name, equals, value = field.partition("=")
    return f"{name}={MASK}" if equals and value else MASK if name and not equals else field


def _is_secret(part: str) -> bool:
    """Long, and no word: letters with several digits among them, or in both cases."""
    if len(part) < LEAST_SECRET:
        return False
    letters = [character for character in part if character.isalpha()]
    digits = sum(character.isdigit() for character in part)
    both_cases = any(one.islower() for one in letters) and any(one.isupper() for one in letters)
    return bool(letters) and (digits >= 3 or (both_cases and "-" not in part and "_" not in part))
