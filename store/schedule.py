"""A schedule in words: `every 90s`, `every 30 minutes`, `every hour`. Only the seconds are kept."""

from __future__ import annotations

import re

from store.errors import Invalid
from store.monitor import MAX_INTERVAL_S, MIN_INTERVAL_S

_SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_UNIT_OF_WORD = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
# The bounded repetition of digits keeps a text of a million digits from becoming a number.
_SCHEDULE = re.compile(r"every\s+(?:([0-9]{1,12})\s*)?([a-z]+)", re.ASCII | re.IGNORECASE)
_SPOKEN_UNITS = ("h", "m", "s")


def parse_schedule(text: str) -> int:
    """The seconds between two pings.

    Raises:
        Invalid: the text is no schedule, or outside 1 s to 366 d; names the field `schedule`.
    """
    match = _SCHEDULE.fullmatch(text.strip())
    unit = _UNIT_OF_WORD.get(match[2].lower()) if match else None
    # "every s" reads like a slip of the pen, so a unit that stands alone is spelled out: "every hour".
    if match is None or unit is None or (match[1] is None and len(match[2]) == 1):
        raise Invalid(
            'A schedule reads like "every 90s", "every 30 minutes", "every hour" or "every 2d", '
            'or is a cron rule like "0 3 * * *".',
            "schedule",
        )
    seconds = int(match[1] or 1) * _SECONDS_PER_UNIT[unit]
    if not MIN_INTERVAL_S <= seconds <= MAX_INTERVAL_S:
        raise Invalid("A schedule lies between every 1s and every 366d.", "schedule")
    return seconds


def is_cron(text: str) -> bool:
    """Whether a text means a cron rule: it begins with `@`, or has the five fields of one."""
    return text.strip().startswith("@") or len(text.split()) == 5


def say_schedule(interval_s: int) -> str:
    """The short form, in the largest of h, m and s that divides exactly.

    Days and weeks are said in hours, so that who asks for `every 24h` reads `every 24h` again.
    """
    unit = next(unit for unit in _SPOKEN_UNITS if interval_s % _SECONDS_PER_UNIT[unit] == 0)
    return f"every {interval_s // _SECONDS_PER_UNIT[unit]}{unit}"
