"""A cron rule in a time zone: when it is due. Pure; cronsim reads the rule, the calendar is walked here.

Changes of the clock are handled as Debian's cron documents it. A job at fixed times (neither minute nor hour begins
with `*`) whose moment is skipped is due right after the gap, and in a repeated hour it is due once. All others are due
whenever the clock shows their time: not in a gap, and twice in a repeated hour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from store.errors import Invalid

UTC_ZONE = "UTC"
MAX_TEXT = 200
# The last second that packed rules can hold.
LAST_S = 2**32 - 1
# A rule that is not due for so long is taken for a mistake. 29 February may be away for eight years.
LONGEST_WAIT_DAYS = 3660
_DAY_S = 86_400
_DAY = timedelta(days=1)
# No change of any clock is larger, so the hours before a moment tell whether it lies in a repeated one.
_LARGEST_SHIFT_S = 4 * 3600
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_READS_LIKE = 'A schedule is a cron rule of five fields, as "0 3 * * *", or one of ' + ", ".join(
    name for name in _ALIASES if name not in {"@midnight", "@annually"}
)

_NEVER = "This schedule is not due once in ten years: its months have no such day."

# From the package, so that zones are the same on every machine.
ZONES = frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


class Cron:
    """A rule that can be read, in a zone that there is."""

    def __init__(self, text: str, zone: str = UTC_ZONE) -> None:
        """Raises:
        Invalid: the rule cannot be read, or there is no such zone; names `schedule` or `timezone`.
        """
        self.text = " ".join(text.split())
        self.zone = zone
        self._zone = zone_named(zone)
        rule = _read(self.text)
        self._days = rule
        self._months = frozenset(rule.months)
        self._times = [hour * 60 + minute for hour in sorted(rule.hours) for minute in sorted(rule.minutes)]
        minutes, hours = rule.parts[1:3]
        self._is_fixed = not (minutes.startswith("*") or hours.startswith("*"))

    def ticks(self, after_s: int, until_s: int = LAST_S) -> Iterator[int]:
        """The moments in Unix seconds, ascending, later than the one and not later than the other."""
        last = 0
        for tick in self._moments(after_s, until_s):
            if tick > until_s:
                return
            # Several that were skipped by the clock are due at the same moment.
            if tick > after_s and tick != last:
                last = tick
                yield tick

    def gaps_s(self) -> tuple[int, int] | None:
        """The shortest and the longest time between two ticks, changes of the clock left out; None: it never ticks."""
        days = [day.toordinal() for day in self._matching(date(2024, 1, 1), LONGEST_WAIT_DAYS)]
        if not days:
            return None
        between = [(day - before) * 1440 for before, day in pairwise(days)] or [LONGEST_WAIT_DAYS * 1440]
        over_night = self._times[0] - self._times[-1]
        within = [after - before for before, after in pairwise(self._times)]
        gaps = [*within, min(between) + over_night, max(between) + over_night]
        return min(gaps) * 60, max(gaps) * 60

    def _moments(self, after_s: int, until_s: int) -> Iterator[int]:
        """The moments of all days from that of `after_s` on, some of them before it."""
        repeated: deque[int] = deque()
        start = self._start(after_s)
        days = (until_s - after_s) // _DAY_S + 3
        for day in self._matching(start.date(), days):
            midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
            first_minute = start.hour * 60 + start.minute if day == start.date() else 0
            for tick, again in self._of_day(midnight, first_minute):
                while repeated and repeated[0] < tick:
                    yield repeated.popleft()
                yield tick
                if again is not None:
                    repeated.append(again)
        yield from repeated

    def _of_day(self, midnight: datetime, first_minute: int) -> Iterator[tuple[int, int | None]]:
        """The moments of a day; where the clock shows one twice, both."""
        start_s, end_s = int(midnight.timestamp()), int((midnight + _DAY).timestamp())
        times = (minute for minute in self._times if minute >= first_minute)
        if end_s - start_s == _DAY_S:
            for minute in times:
                yield start_s + minute * 60, None
            return
        for minute in times:
            yield from self._around_change(midnight + timedelta(minutes=minute))

    def _around_change(self, local: datetime) -> Iterator[tuple[int, int | None]]:
        first, second = int(local.timestamp()), int(local.replace(fold=1).timestamp())
        if first == second:
            yield first, None
        elif first < second:
            yield first, None if self._is_fixed else second
        elif self._is_fixed:
            yield self._end_of_gap(second, first), None

    def _end_of_gap(self, before_s: int, after_s: int) -> int:
        """The moment between the two at which the clock was moved forward."""
        offset = datetime.fromtimestamp(before_s, self._zone).utcoffset()
        while after_s - before_s > 1:
            middle = (before_s + after_s) // 2
            if datetime.fromtimestamp(middle, self._zone).utcoffset() == offset:
                before_s = middle
            else:
                after_s = middle
        return after_s

    def _start(self, after_s: int) -> datetime:
        """What the clock shows at a moment, or some hours before if it was changed meanwhile."""
        shown = datetime.fromtimestamp(after_s, self._zone)
        before = datetime.fromtimestamp(after_s - _LARGEST_SHIFT_S, self._zone)
        return shown if shown.utcoffset() == before.utcoffset() else before

    def _matching(self, day: date, days: int) -> Iterator[date]:
        """The days that the rule names, of so many from this one on."""
        last = day + timedelta(days=days)
        while day <= last:
            if day.month not in self._months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self._days.match_day(day):
                yield day
            day += _DAY


def checked_cron(text: str, zone: str) -> Cron:
    """A rule as somebody asks for it.

    Raises:
        Invalid: it cannot be read, is never due, or there is no such zone; names `schedule` or `timezone`.
    """
    cron = Cron(text, zone)
    if cron.gaps_s() is None:
        raise Invalid(_NEVER, "schedule")
    return cron


@lru_cache(maxsize=1000)
def zone_named(name: str) -> ZoneInfo:
    """A zone of the IANA database.

    Raises:
        Invalid: there is none of this name; names `timezone`.
    """
    if name not in ZONES:
        raise Invalid('There is no such time zone; names look like "Europe/Vilnius" or "UTC".', "timezone")
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as content:
        return ZoneInfo.from_file(content, key=name)


def _read(text: str) -> CronSim:
    """Raises:
    Invalid: it is no rule; names `schedule`.
    """
    if len(text) > MAX_TEXT:
        raise Invalid(f"A schedule has at most {MAX_TEXT} characters.", "schedule")
    if text.startswith("@"):
        if text.lower() not in _ALIASES:
            raise Invalid(f"{_READS_LIKE}.", "schedule")
        text = _ALIASES[text.lower()]
    if len(text.split()) != 5:
        raise Invalid(f"{_READS_LIKE}; it has minute, hour, day, month and weekday.", "schedule")
    minute, hour, day, month, weekday = text.split()
    try:
        return _parsed(text)
    except CronSimError as error:
        with suppress(CronSimError):
            _parsed(" ".join((minute, hour, day, "*", weekday)))
            _parsed(" ".join((minute, hour, "*", month, weekday)))
            raise Invalid(_NEVER, "schedule") from error
        raise Invalid(f"{_READS_LIKE}; this one cannot be read: {str(error).lower()}.", "schedule") from error


def _parsed(text: str) -> CronSim:
    return CronSim(text, datetime(2024, 1, 1, tzinfo=UTC))
