"""What is asked of a monitor beyond interval and grace: schedules, runs, tolerance. Most monitors have none of it."""

from __future__ import annotations

import msgspec


class MonitorRules(msgspec.Struct, frozen=True, kw_only=True):
    """As the live side knows it: no cron, no time zone, but moments in Unix seconds, kept some way ahead.

    `failures`: so many in a row before there is an incident. `max_runtime_s`: a run that was started is to end within;
    0: whenever. `reminder_s`: how often to say that it is still down; 0: never. `is_armed_by_ping`: not watched before
    its first ping. `is_scheduled`: due at `ticks` (ascending; those that follow its last ping, and those ahead), not
    every interval; `schedule` are the words for it. `quiet`: (from, to) in which no deadline is missed, ascending and
    disjoint.
    """

    failures: int = 1
    max_runtime_s: int = 0
    reminder_s: int = 0
    is_armed_by_ping: bool = False
    is_scheduled: bool = False
    schedule: str = ""
    ticks: tuple[int, ...] = ()
    quiet: tuple[tuple[int, int], ...] = ()
