"""Maintenance windows: times in which nobody is told what goes wrong. When one is on is worked out here. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge

import msgspec

from store.cron import LAST_S, UTC_ZONE, Cron, checked_cron
from store.errors import Invalid

DAY_S = 86_400
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIN_DURATION_S, MAX_DURATION_S = 60, 7 * DAY_S
MAX_ONCE_S = 366 * DAY_S
# A window that begins more often is a schedule in disguise, and would fill what is kept ahead.
SHORTEST_GAP_S = 3600

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
Times = tuple[int, int]


class Once(msgspec.Struct, frozen=True, tag="once"):
    """From a moment to another, in Unix seconds."""

    from_s: int
    to_s: int

    def on(self, after_s: int, until_s: int) -> Iterator[Times]:
        """When it is on, as (from, to), as far as that touches a stretch of time; the others alike."""
        if self.to_s > after_s and self.from_s <= until_s:
            yield self.from_s, self.to_s


class Weekly(msgspec.Struct, frozen=True, tag="weekly"):
    """On some days of the week, from a time of the clock on."""

    weekdays: tuple[str, ...]
    start: str
    duration_s: int
    timezone: str = UTC_ZONE

    @property
    def cron(self) -> str:
        hour, minute = self.start.split(":")
        days = ",".join(str((WEEKDAYS.index(one) + 1) % 7) for one in self.weekdays)
        return f"{int(minute)} {int(hour)} * * {days}"

    def on(self, after_s: int, until_s: int) -> Iterator[Times]:
        return _occurrences(self.cron, self.timezone, self.duration_s, after_s, until_s)


class ByCron(msgspec.Struct, frozen=True, tag="cron"):
    """Whenever a cron rule is due, for some time."""

    cron: str
    duration_s: int
    timezone: str = UTC_ZONE

    def on(self, after_s: int, until_s: int) -> Iterator[Times]:
        return _occurrences(self.cron, self.timezone, self.duration_s, after_s, until_s)


Recurrence = Once | Weekly | ByCron


def checked(times: Recurrence) -> Recurrence:
    """The times as they can be kept.

    Raises:
        Invalid: they cannot be; names the field.
    """
    if isinstance(times, Once):
        if not 0 <= times.from_s < times.to_s <= LAST_S:
            raise Invalid("A window ends after it begins.", "to")
        if times.to_s - times.from_s > MAX_ONCE_S:
            raise Invalid("A window lasts 366 days at most.", "to")
        return times
    if not MIN_DURATION_S <= times.duration_s <= MAX_DURATION_S:
        raise Invalid("A window that comes again lasts from 60 seconds to 7 days.", "duration")
    if isinstance(times, Weekly):
        return _checked_weekly(times)
    return _checked_cron(times)


def next_on(times: Recurrence, now_s: int) -> Times | None:
    """When it is on: now, or for the next time; None if it was for the last time."""
    return next(times.on(now_s, LAST_S), None)


def merged(windows: Iterable[Recurrence], after_s: int, until_s: int) -> Iterator[Times]:
    """When any of some windows is on, ascending and disjoint."""
    current: Times | None = None
    for from_s, to_s in merge(*(window.on(after_s, until_s) for window in windows)):
        if current is None:
            current = from_s, to_s
        elif from_s <= current[1]:
            current = current[0], max(current[1], to_s)
        else:
            yield current
            current = from_s, to_s
    if current is not None:
        yield current


def on_until(windows: Sequence[Recurrence], now_s: int) -> int | None:
    """The moment until which some window is on without a break; None if none is on now."""
    first = next(merged(windows, now_s, now_s + MAX_DURATION_S), None) if windows else None
    return first[1] if first is not None and first[0] <= now_s else None


def _occurrences(rule: str, zone: str, duration_s: int, after_s: int, until_s: int) -> Iterator[Times]:
    for from_s in Cron(rule, zone).ticks(after_s - duration_s, until_s):
        yield from_s, min(from_s + duration_s, LAST_S)


def _checked_weekly(times: Weekly) -> Weekly:
    days = tuple(day for day in WEEKDAYS if day in times.weekdays)
    if not days or set(times.weekdays) - set(WEEKDAYS):
        raise Invalid(f"Weekdays are some of {', '.join(WEEKDAYS)}.", "weekdays")
    if not _CLOCK.fullmatch(times.start):
        raise Invalid('The time at which a window starts is written as "02:30".', "start")
    checked_cron("0 0 * * *", times.timezone)
    return msgspec.structs.replace(times, weekdays=days)


def _checked_cron(times: ByCron) -> ByCron:
    try:
        cron = checked_cron(times.cron, times.timezone)
    except Invalid as error:
        raise Invalid(str(error), "cron" if error.field == "schedule" else error.field) from error
    shortest_s, _ = cron.gaps_s() or (0, 0)
    if shortest_s < SHORTEST_GAP_S:
        raise Invalid("A window begins once an hour at most.", "cron")
    return msgspec.structs.replace(times, cron=cron.text)
