"""What is kept ahead in Redis for a monitor: its next ticks, and the times in which nobody is told. Pure.

The ping path reads no cron rule and knows no time zone: it looks moments up that were worked out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from store.cron import UTC_ZONE, Cron
from store.maintenance import DAY_S, Recurrence, merged
from store.monitor_rules import MonitorRules
from store.wishes import Wishes, standing_rules

# Ticks that have passed: what is judged late needs them, and what follows a maintenance window. Those of the last day
# for most schedules, and of the last hour for those that are due every minute.
TICKS_SINCE_S = 61 * 60
TICKS_PAST = 61
TICKS_AHEAD = 120
# Worked out anew before there are fewer: should Redis lose that, it still has as many until the next time.
TICKS_LEAST = 80
# Sparse rules are not walked into another century; those of many failures in a row reach as far as these need.
TICKS_WITHIN_S = 3 * 366 * DAY_S

# Quiet times that have passed: those of the last day, and those since the last sign of life, if that is not too long
# ago. Where one that would decide is forgotten, a miss is told later, never falsely.
QUIET_SINCE_S = DAY_S
QUIET_SINCE_MOST_S = 32 * DAY_S
QUIET_WITHIN_S = 8 * DAY_S
MOST_QUIET = 64
MOST_QUIET_PAST = 24

NEVER_S = 2**62


class Ahead(msgspec.Struct, frozen=True):
    """The rules of a monitor as Redis is to hold them; None: nothing but interval and grace.

    They reach to `horizon_s`, and are to be worked out anew at `due_s`.
    """

    rules: MonitorRules | None
    horizon_s: int
    due_s: int


class Calendar:
    """Works out rules at one moment; monitors with the same schedule, or the same windows, share the work."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s
        self._ticks: dict[tuple[str, str], tuple[int, ...]] = {}
        self._quiet: dict[tuple[Sequence[Recurrence], int], tuple[tuple[int, int], ...]] = {}

    def ahead(self, wishes: Wishes, windows: Sequence[Recurrence], base_s: int | None) -> Ahead:
        """The rules of a monitor whose last sign of life was at `base_s`; None: none is known.

        Raises:
            Invalid: the schedule cannot be read.
        """
        rules = standing_rules(wishes)
        horizon_s = due_s = NEVER_S
        if wishes.schedule is not None and rules is not None:
            ticks = self._ticks_of(wishes, self.now_s if base_s is None else base_s)
            rules = msgspec.structs.replace(rules, ticks=ticks)
            horizon_s, due_s = self._reach_of_ticks(ticks)
        quiet = self._quiet_of(tuple(windows), base_s) if windows else ()
        if windows:
            quiet_horizon_s = quiet[-1][1] if len(quiet) >= MOST_QUIET else self.now_s + QUIET_WITHIN_S
            horizon_s = min(horizon_s, quiet_horizon_s)
            due_s = min(due_s, self.now_s + (quiet_horizon_s - self.now_s) // 2)
        if quiet:
            rules = msgspec.structs.replace(rules or MonitorRules(), quiet=quiet)
        return Ahead(rules, horizon_s, due_s)

    def _ticks_of(self, wishes: Wishes, base_s: int) -> tuple[int, ...]:
        known = (wishes.schedule or "", wishes.timezone or UTC_ZONE)
        shared = self._ticks.get(known)
        cron = Cron(*known)
        if shared is None:
            shared = self._ticks[known] = self._ticks_around_now(cron)
        ticks = shared
        if base_s < self.now_s - TICKS_SINCE_S:
            ticks = _united(islice(cron.ticks(base_s), wishes.failures), ticks)
        if len(shared) < TICKS_AHEAD:
            ticks = _united(islice(cron.ticks(max(base_s, self.now_s)), wishes.failures + 1), ticks)
        return ticks

    def _ticks_around_now(self, cron: Cron) -> tuple[int, ...]:
        past = list(cron.ticks(self.now_s - DAY_S, self.now_s))[-TICKS_PAST:]
        ahead = islice(cron.ticks(self.now_s, self.now_s + TICKS_WITHIN_S), TICKS_AHEAD)
        return (*past, *ahead)

    def _reach_of_ticks(self, ticks: Sequence[int]) -> tuple[int, int]:
        """Up to when the ticks reach, and when they are too few."""
        if not ticks or ticks[-1] <= self.now_s:
            return self.now_s, self.now_s + DAY_S
        if len(ticks) >= TICKS_AHEAD:
            return ticks[-1], max(ticks[-TICKS_LEAST], self.now_s + 1)
        return ticks[-1], self.now_s + (ticks[-1] - self.now_s) // 3

    def _quiet_of(self, windows: tuple[Recurrence, ...], base_s: int | None) -> tuple[tuple[int, int], ...]:
        now_s = self.now_s
        since_s = now_s - QUIET_SINCE_S
        if base_s is not None and base_s < since_s:
            # In whole days, so that monitors share the work.
            since_s = max(base_s - base_s % DAY_S, now_s - QUIET_SINCE_MOST_S)
        quiet = self._quiet.get((windows, since_s))
        if quiet is None:
            around = list(merged(windows, since_s, now_s + QUIET_WITHIN_S))
            past = [one for one in around if one[1] <= now_s][-MOST_QUIET_PAST:]
            ahead = [one for one in around if one[1] > now_s]
            quiet = self._quiet[windows, since_s] = (*past, *ahead)[:MOST_QUIET]
        return quiet


def _united(some: Iterable[int], others: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({*some, *others}))
