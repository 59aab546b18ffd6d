"""What a receiver's `Retry-After` asks for, in seconds, in either of its two forms (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0


def retry_after_s(text: str | None, now_ms: int) -> float | None:
    """The pause asked for, between 0 and a day; None where nothing legible was asked."""
    if text is None:
        return None
    text = text.strip()
    if re.fullmatch(r"[0-9]+", text):
        # More digits than this are beyond a day anyway, and int() has a limit of its own.
        return LONGEST_S if len(text) > 9 else min(float(text), LONGEST_S)
    return _until_date_s(text, now_ms)


def _until_date_s(text: str, now_ms: int) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_S)
