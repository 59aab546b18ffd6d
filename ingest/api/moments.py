"""Moments and stretches of time in requests: RFC 3339, or Unix seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from store.errors import Invalid

# The end of the year 9999, beyond which no date can be written.
LAST_MS = 253_402_300_799_999

_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
# An offset's `+` that was not percent-encoded comes as a blank.
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?([Zz]|[+\- ][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Moment = Annotated[
    str | None,
    Meta(
        description="RFC 3339, or Unix seconds.",
        examples=["2026-03-02T02:01:33Z", "1772416893"],
        extra_json_schema={"pattern": f"^({_SECONDS.pattern}|{_RFC3339.pattern})$"},
    ),
]


def parse_moment(text: str, field: str) -> int:
    """A moment as Unix milliseconds.

    Raises:
        Invalid: it is none; names the field.
    """
    at_ms = _seconds(text) if _SECONDS.fullmatch(text) else _rfc3339(text)
    if at_ms is None or not 0 <= at_ms <= LAST_MS:
        raise Invalid("A moment is written as 2026-03-02T02:01:33Z, or as Unix seconds.", field)
    return at_ms


def read_span(begin: str | None, end: str | None) -> tuple[int | None, int | None]:
    """`?from=&to=`, each of them None if it is not there.

    Raises:
        Invalid: one is no moment, or `to` is not after `from`; names it.
    """
    from_ms = None if begin is None else parse_moment(begin, "from")
    to_ms = None if end is None else parse_moment(end, "to")
    if from_ms is not None and to_ms is not None:
        check_order(from_ms, to_ms)
    return from_ms, to_ms


def check_order(from_ms: int, to_ms: int) -> None:
    if from_ms >= to_ms:
        raise Invalid("`from` has to be before `to`.", "from")


def _seconds(text: str) -> int:
    return int(Decimal(text) * 1000)


def _rfc3339(text: str) -> int | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in {"Z", "z"} else zone.replace(" ", "+")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{offset}")
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1) + (_seconds("0" + fraction) if fraction else 0)
