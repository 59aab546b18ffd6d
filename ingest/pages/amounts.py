"""Lengths of time as people type them: a whole number and a unit."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ingest.pages.forms import Form
from store.errors import Invalid

UNITS: Mapping[str, tuple[int, str]] = {
    "s": (1, "seconds"),
    "min": (60, "minutes"),
    "h": (3600, "hours"),
    "d": (86_400, "days"),
}
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


def amount_of(seconds: int) -> tuple[str, str]:
    """The number and the largest unit in which it is a whole one."""
    unit = next(name for name, (size, _) in reversed(list(UNITS.items())) if seconds % size == 0)
    return str(seconds // UNITS[unit][0]), unit if seconds else "s"


def seconds_in(form: Form, field: str) -> int:
    """What was typed into a field and the select beside it, which has its name and `Unit`.

    Raises:
        Invalid: it is no number of such units; names the field.
    """
    number, unit = form.text(field), form.text(f"{field}Unit") or "s"
    if not _NUMBER.fullmatch(number) or unit not in UNITS:
        raise Invalid("A whole number is needed here, such as 5.", field)
    return int(number) * UNITS[unit][0]
