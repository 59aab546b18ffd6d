"""What the URL of a webhook may look like, and how it is shown. Where it leads is checked when it is called."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from store.errors import Invalid

MAX_URL = 2048
MASK = "***"
# Shorter parts of a path are names, not secrets; up to the second length only if they do not look like words.
LEAST_SECRET = 8
LEAST_LONG = 16
SECRET_DIGITS = 3
# No word is as long as this.
SECRET_RUN = 24

# RFC 3986 without what needs encoding; a backslash or a blank makes readers of URLs disagree about the host.
_RUN = re.compile(rf"[A-Za-z0-9]{{{SECRET_RUN}}}", re.ASCII)
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
    path = "/".join(_masked_part(part) for part in parts.path.split("/"))
    query = "&".join(_masked_field(field) for field in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc, path, query, MASK if parts.fragment else ""))


def _masked_part(part: str) -> str:
    """A part of the path; what stands behind a semicolon may have a value as a field of the query has."""
    return ";".join(
        _masked_field(one) if "=" in one else MASK if _is_secret(one) else one for one in part.split(";")
    )


def _masked_field(field: str) -> str:
    name, equals, value = field.partition("=")
    return f"{name}={MASK}" if equals and value else MASK if name and not equals else field


def _is_secret(part: str) -> bool:
    """Several digits, or both cases with a digit; if it is long, also both cases, or more letters than words have."""
    if len(part) < LEAST_SECRET:
        return False
    digits = sum(character.isdigit() for character in part)
    both_cases = any(one.islower() for one in part) and any(one.isupper() for one in part)
    if digits >= SECRET_DIGITS or (both_cases and digits):
        return True
    return len(part) >= LEAST_LONG and (both_cases or _RUN.search(part) is not None)
