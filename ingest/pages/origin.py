"""Does a request come from one of our own pages? A form of somebody else's page must change nothing.

Browsers say it with Sec-Fetch-Site, or with Origin. Neither is there over plain HTTP from a page whose referrer policy
is `no-referrer`, as ours is (Fetch standard, "append a request Origin header"): then the form's token has to say it.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import urlsplit

from starlette.requests import Request


class Site(Enum):
    """Where a request comes from, as far as its headers tell."""

    OURS = "ours"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


def site_of(request: Request, base_url: str) -> Site:
    """What the browser says. `base_url` is where people reach this installation, if that is configured."""
    headers = request.headers
    fetched_from = headers.get("sec-fetch-site")
    if fetched_from is not None:
        return Site.OURS if fetched_from == "same-origin" else Site.FOREIGN
    origin = headers.get("origin", "null")
    if origin == "null":
        return Site.UNKNOWN
    ours = {headers.get("host", "").lower()} | ({urlsplit(base_url).netloc.lower()} if base_url else set())
    return Site.OURS if urlsplit(origin).netloc.lower() in ours else Site.FOREIGN
