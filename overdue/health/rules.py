"""What Redis has of a monitor beside its state: its rules, its runs, its next reminder. Pure."""

from __future__ import annotations

import msgspec

from store.live.inspecting import Fault, Inspected
from store.live.packed_rules import MOST_QUIET, read_rules
from store.maintenance import DAY_S
from store.monitor import MonitorConfig
from store.monitor_rules import MonitorRules

# The keeper keeps quiet times at least so far ahead.
QUIET_AHEAD_S = 3 * DAY_S
_FAULTS = {
    Fault.RULES: "have rules that cannot be read: nobody watches them",
    Fault.MARKS: "have rules or runs that their state does not know of, or the other way round",
    Fault.REMINDER: "are down and would not be reminded of",
}


def wrong_rules(config: MonitorConfig, one: Inspected, now_s: int, *, is_settled: bool) -> str:
    """What is wrong, as the rest of a sentence; empty if nothing is.

    `is_settled`: the keeper has seen to all changes, so that quiet times ought to be those of the book.
    """
    if one.fault is not Fault.NONE:
        return _FAULTS[one.fault]
    wanted, found = config.rules or MonitorRules(), read_rules(one.rules) or MonitorRules()
    if _standing(wanted) != _standing(found):
        return "have other rules in Redis than in the book"
    if _other_ticks(wanted.ticks, found.ticks, now_s):
        return "are due at other times in Redis than by the book"
    if is_settled and _other_quiet(wanted.quiet, found.quiet, now_s):
        return "have other maintenance windows in Redis than in the book"
    return ""


def _standing(rules: MonitorRules) -> MonitorRules:
    return msgspec.structs.replace(rules, ticks=(), quiet=(), is_armed_by_ping=False)


def _other_ticks(wanted: tuple[int, ...], found: tuple[int, ...], now_s: int) -> bool:
    """Whether they differ as far as both reach ahead, or one of them does not."""
    if not wanted or wanted[-1] <= now_s:
        return False
    until_s = min(wanted[-1], found[-1] if found else 0)
    return until_s <= now_s or _ahead(wanted, now_s, until_s) != _ahead(found, now_s, until_s)


def _ahead(ticks: tuple[int, ...], now_s: int, until_s: int) -> list[int]:
    return [tick for tick in ticks if now_s < tick <= until_s]


def _other_quiet(wanted: tuple[tuple[int, int], ...], found: tuple[tuple[int, int], ...], now_s: int) -> bool:
    until_s = now_s + QUIET_AHEAD_S
    for quiet in (wanted, found):
        if len(quiet) >= MOST_QUIET:
            until_s = min(until_s, quiet[-1][1])
    return _within(wanted, now_s, until_s) != _within(found, now_s, until_s)


def _within(quiet: tuple[tuple[int, int], ...], now_s: int, until_s: int) -> list[tuple[int, int]]:
    return [(max(a, now_s), min(b, until_s)) for a, b in quiet if b > now_s and a < until_s]
