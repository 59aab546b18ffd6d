"""What somebody asks of a monitor beyond interval and grace, as it is kept: a schedule, a limit for runs, tolerance."""

from __future__ import annotations

import msgspec

from store.cron import UTC_ZONE, checked_cron
from store.errors import Invalid
from store.monitor import MAX_INTERVAL_S
from store.monitor_rules import MonitorRules

# What somebody can say that there is to be none of. A schedule without a time zone is one in UTC.
INTERVAL, SCHEDULE, TIMEZONE = WITHOUT = ("interval", "schedule", "timezone")

MAX_FAILURES = 10
MIN_REMINDER_S = 60
MAX_REMINDER_S = MAX_RUNTIME_S = 366 * 86_400


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of it, unless somebody says so. A monitor with a `schedule` is due by that; it has a `timezone` then.

    `max_runtime_s` 0: a run may take any time. `reminder_s` 0: a down is told once.
    """

    schedule: str | None = None
    timezone: str | None = None
    max_runtime_s: int = 0
    failures: int = 1
    reminder_s: int = 0
    is_armed_by_ping: bool = False

    @property
    def words(self) -> str:
        """The schedule as people are told of it."""
        return f"{self.schedule} ({self.timezone or UTC_ZONE})" if self.schedule else ""


class WishChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different; None stays as it is. `without` names those of `WITHOUT` that are to be none."""

    without: frozenset[str] = frozenset()
    schedule: str | None = None
    timezone: str | None = None
    max_runtime_s: int | None = None
    failures: int | None = None
    reminder_s: int | None = None
    is_armed_by_ping: bool | None = None


def changed(wishes: Wishes, changes: WishChanges, interval_s: int | None) -> tuple[Wishes, int | None]:
    """The wishes after a change, and the interval, None if that stays. An interval takes a schedule's place.

    Raises:
        Invalid: the schedule cannot be used, or is asked for beside an interval; names the field.
    """
    told = {name: value for name, value in msgspec.structs.asdict(changes).items() if name != "without"}
    wanted = msgspec.structs.replace(
        wishes, **{name: value for name, value in told.items() if value is not None}
    )
    check_reminder(wanted.reminder_s, "reminderInterval")
    if changes.schedule is not None and interval_s is not None:
        raise Invalid("A monitor is due by an interval or by a schedule, not by both.", SCHEDULE)
    if interval_s is not None:
        wanted = msgspec.structs.replace(wanted, schedule=None, timezone=None)
    if TIMEZONE in changes.without:
        wanted = msgspec.structs.replace(wanted, timezone=None)
    _check_without(changes, wanted)
    if wanted.schedule is None:
        if changes.timezone is not None:
            raise Invalid("A time zone belongs to a schedule, and there is none.", "timezone")
        return wanted, interval_s
    zone = wanted.timezone or UTC_ZONE
    if (wanted.schedule, zone) == (wishes.schedule, wishes.timezone):
        return msgspec.structs.replace(wanted, timezone=zone), None
    cron = checked_cron(wanted.schedule, zone)
    _, longest_s = cron.gaps_s() or (0, MAX_INTERVAL_S)
    return msgspec.structs.replace(wanted, schedule=cron.text, timezone=zone), min(longest_s, MAX_INTERVAL_S)


def asked_anew(changes: WishChanges, interval_s: int | None, usual_s: int) -> tuple[Wishes, int]:
    """The wishes and the interval of a new monitor; `usual_s` is its interval if nothing is said of when it is due.

    Raises:
        Invalid: as for `changed`.
    """
    wishes, found_s = changed(Wishes(), changes, interval_s)
    return wishes, usual_s if found_s is None else found_s


def shortest_gap_s(wishes: Wishes) -> int | None:
    """The shortest time between two ticks; None without a schedule."""
    gaps = checked_cron(wishes.schedule, UTC_ZONE).gaps_s() if wishes.schedule is not None else None
    return gaps[0] if gaps is not None else None


def standing_rules(wishes: Wishes) -> MonitorRules | None:
    """Those rules that do not depend on the moment; None where all is as usual."""
    rules = MonitorRules(
        failures=wishes.failures,
        max_runtime_s=wishes.max_runtime_s,
        reminder_s=wishes.reminder_s,
        is_armed_by_ping=wishes.is_armed_by_ping,
        is_scheduled=wishes.schedule is not None,
        schedule=wishes.words,
    )
    return None if rules == MonitorRules() else rules


def _check_without(changes: WishChanges, wanted: Wishes) -> None:
    """Whether what is taken away leaves something by which the monitor is due."""
    if INTERVAL in changes.without and wanted.schedule is None:
        raise Invalid("Without an interval a monitor has a schedule; say which.", INTERVAL)
    if SCHEDULE in changes.without and wanted.schedule is not None:
        raise Invalid("Without its schedule a monitor has an interval; say which.", SCHEDULE)


def check_reminder(reminder_s: int, field: str) -> None:
    """Raises:
    Invalid: it would come too often, or never; names the field as the caller spells it.
    """
    if reminder_s and not MIN_REMINDER_S <= reminder_s <= MAX_REMINDER_S:
        sentence = f"A reminder comes every {MIN_REMINDER_S} s at most, and every 366 d at least; 0: never."
        raise Invalid(sentence, field)
