"""How messages to people say moments and lengths of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))

Data = Mapping[str, Any]


def span(seconds: float) -> str:
    """A length of time in words, in at most two units: `90` is `1 minute 30 seconds`."""
    rest, said = round(seconds), []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            said.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(said[:2]) or "0 seconds"


def moment(at: str) -> str:
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC"


def between(from_at: str, to_at: str) -> str:
    return span((datetime.fromisoformat(to_at) - datetime.fromisoformat(from_at)).total_seconds())
