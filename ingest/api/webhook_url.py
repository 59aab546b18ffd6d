"""What the URL of a webhook may look like. Where it leads is checked when it is called, not here."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from store.errors import Invalid

MAX_URL = 2048

# RFC 3986 without what needs encoding; a backslash or a blank makes readers of URLs disagree about the host.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)


def check_webhook_url(url: str) -> str:
    """The URL itself.

    Raises:
        Invalid: it cannot be called, or holds a user name; names the field `url`.
    """
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
