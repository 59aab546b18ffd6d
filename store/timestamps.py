"""Moments as the outside reads them: RFC 3339, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at_ms: int) -> str:
    """Unix milliseconds as `2026-03-02T02:01:33.123Z`; exact, because no float is on the way."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def moment(at_ms: int | None) -> str | None:
    """The same for a moment that there may not be."""
    return None if at_ms is None else rfc3339(at_ms)


@lru_cache(maxsize=8)
def rfc3339_seconds(at_s: int) -> str:
    """Unix seconds as `2026-03-02T02:01:33Z`; remembered, as all pings of a second say the same."""
    return datetime.fromtimestamp(at_s, UTC).isoformat().removesuffix("+00:00") + "Z"
