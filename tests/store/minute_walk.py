"""When a cron rule is due, told by a walk through the minutes: slow, and in nothing like the code that it checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from store.cron import Cron, zone_named

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))

# Every minute and hardly ever; on the edges of days and in the hours in which clocks are changed; steps, ranges, lists.
RULES = (
    "* * * * *",
    "*/2 * * * *",
    "*/5 * * * *",
    "*/7 * * * *",
    "*/15 * * * *",
    "*/30 * * * *",
    "0 * * * *",
    "30 * * * *",
    "59 * * * *",
    "1-59/2 * * * *",
    "15,45 * * * *",
    "0 */2 * * *",
    "30 */3 * * *",
    "0 0-6/2 * * *",
    "*/10 0 * * *",
    "*/10 1 * * *",
    "*/10 2 * * *",
    "*/10 3 * * *",
    "*/20 0-4 * * *",
    "* 1-3 * * *",
    "* 23 * * *",
    "0 0 * * *",
    "1 0 * * *",
    "30 0 * * *",
    "59 0 * * *",
    "0 1 * * *",
    "15 1 * * *",
    "30 1 * * *",
    "45 1 * * *",
    "0 2 * * *",
    "15 2 * * *",
    "30 2 * * *",
    "45 2 * * *",
    "0 3 * * *",
    "30 3 * * *",
    "59 3 * * *",
    "0 4 * * *",
    "0,30 0-4 * * *",
    "30 2,3 * * *",
    "0,15,30,45 2 * * *",
    "30 23 * * *",
    "59 23 * * *",
    "0 0 * * 0",
    "30 2 * * 0",
    "30 1 * * 6",
    "*/15 2 * * 0",
    "0 2 * 3,4,9,10,11 0",
    "30 3 25-31 3,10 *",
    "0 0 1 * *",
    "30 2 13 * 0",
)


def transitions(zone: str, from_year: int, until_year: int) -> list[int]:
    """The moments at which the clock of a zone is changed, found by halving the days on which it shows another one."""
    known = zone_named(zone)
    found = []
    day = datetime(from_year, 1, 1, tzinfo=UTC)
    while day.year < until_year:
        later = day + timedelta(days=1)
        if _offset(day, known) != _offset(later, known):
            found.append(_change(day, later, known))
        day = later
    return found


def offsets(zone: str, moments: Iterable[int]) -> list[timedelta | None]:
    """How far a zone is from UTC at some moments, and a minute before each."""
    known = zone_named(zone)
    return [_offset(datetime.fromtimestamp(at - ago, UTC), known) for at in moments for ago in (60, 0)]


def differences(zone: str, moment: int, rules: Iterable[str], hours: int) -> list[str]:
    """What rules have told otherwise than the walk, from some hours before a moment to as many after it."""
    from_s, until_s = moment - hours * 3600, moment + hours * 3600
    minutes = list(_walk(zone_named(zone), from_s, until_s))
    told = []
    for rule in rules:
        expected = _due(rule, minutes)
        found = list(Cron(rule, zone).ticks(from_s, until_s))
        if found != expected:
            told.append(f"{rule} in {zone} around {moment}: {found} instead of {expected}")
    return told


class _Minute:
    """A minute as it comes: what the clock shows, whether it has shown that before, and what it skipped just now."""

    def __init__(self, at_s: int, shown: datetime, skipped: Sequence[datetime]) -> None:
        self.at_s = at_s
        self.shown = shown
        self.skipped = skipped


def _walk(zone: ZoneInfo, from_s: int, until_s: int) -> Iterator[_Minute]:
    before = datetime.fromtimestamp(from_s, zone).replace(tzinfo=None)
    for at_s in range(from_s + 60, until_s + 1, 60):
        shown = datetime.fromtimestamp(at_s, zone)
        naive = shown.replace(tzinfo=None)
        missing = int((naive - before).total_seconds()) // 60 - 1
        skipped = [before + timedelta(minutes=one + 1) for one in range(max(0, missing))]
        yield _Minute(at_s, shown, skipped)
        before = naive.replace(fold=0)


def _due(rule: str, minutes: Iterable[_Minute]) -> list[int]:
    fields = rule.split()
    sets = [_values(field, *limits) for field, limits in zip(fields, _RANGES, strict=True)]
    both = fields[2].startswith("*") or fields[4].startswith("*")
    is_fixed = not fields[0].startswith("*") and not fields[1].startswith("*")

    def matches(at: datetime) -> bool:
        if at.minute not in sets[0] or at.hour not in sets[1] or at.month not in sets[3]:
            return False
        weekday = at.isoweekday()
        of_month, of_week = at.day in sets[2], weekday in sets[4] or weekday % 7 in sets[4]
        return (of_month and of_week) if both else (of_month or of_week)

    return [
        minute.at_s
        for minute in minutes
        if (matches(minute.shown) and not (is_fixed and minute.shown.fold))
        or (is_fixed and any(map(matches, minute.skipped)))
    ]


def _values(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start, end = (low, high) if span == "*" else (int(first), int(last or first))
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> int:
    offset = _offset(low, zone)
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=(high - low) // timedelta(minutes=1) // 2)
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return int(high.timestamp())
