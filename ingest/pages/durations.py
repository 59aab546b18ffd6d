"""Lengths of time in forms: a number and its unit, which is as people think of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ingest.pages.forms import Form
from store.errors import Invalid

UNITS: Mapping[str, int] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}

# Whatever is larger than any limit is refused by the limit.
_AMOUNT = re.compile(r"[0-9]{1,10}", re.ASCII)


class Duration(msgspec.Struct, frozen=True):
    """What stands in the two fields of a form."""

    amount: str
    unit: str


def shown_duration(seconds: int) -> Duration:
    """In the largest unit that says it exactly."""
    if seconds == 0:
        return Duration("0", "seconds")
    unit = next(unit for unit in reversed(list(UNITS)) if seconds % UNITS[unit] == 0)
    return Duration(str(seconds // UNITS[unit]), unit)


def typed_duration(form: Form, field: str) -> Duration:
    """What somebody typed, to be shown again as it is."""
    return Duration(form.text(field), form.text(f"{field}-unit") or "seconds")


def seconds_of(typed: Duration, field: str, least: int, most: int) -> int:
    """The length in seconds.

    Raises:
        Invalid: it is no length of time, or outside these limits; names the field.
    """
    if not _AMOUNT.fullmatch(typed.amount) or typed.unit not in UNITS:
        raise Invalid("A whole number is needed here.", field)
    seconds = int(typed.amount) * UNITS[typed.unit]
    if not least <= seconds <= most:
        raise Invalid(f"From {_said(least)} to {_said(most)} is possible here.", field)
    return seconds


def _said(seconds: int) -> str:
    shown = shown_duration(seconds)
    return f"{shown.amount} {shown.unit.removesuffix('s') if shown.amount == '1' else shown.unit}"
