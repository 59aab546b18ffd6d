"""Which maintenance windows concern the monitors that have threshold rules, read beside the rules."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping

import msgspec

from store.maintenance import Recurrence

WINDOWS = "SELECT id, org_id, times, is_for_all FROM maintenance ORDER BY id"

# Beyond those for all. From the rules on, which are read as a whole anyway: a tag may be that of a million monitors.
CONCERNING = """
WITH watched (monitor_id) AS (SELECT DISTINCT monitor_id FROM metric_alerts)
SELECT a.monitor_id, n.window_id FROM watched AS a CROSS JOIN maintenance_monitors AS n
    WHERE n.monitor_id = a.monitor_id
UNION
SELECT a.monitor_id, w.window_id FROM watched AS a CROSS JOIN monitor_tags AS t CROSS JOIN maintenance_tags AS w
    WHERE t.monitor_id = a.monitor_id AND w.org_id = t.org_id AND w.tag = t.tag
ORDER BY 1, 2
"""

_TIMES: msgspec.json.Decoder[Recurrence] = msgspec.json.Decoder(Recurrence)


class RuleWindows(msgspec.Struct, frozen=True):
    """The times of all windows, and the ids of those that are for all of an organisation, or for single monitors."""

    times: Mapping[int, Recurrence]
    by_org: Mapping[int, tuple[int, ...]]
    by_monitor: Mapping[int, tuple[int, ...]]

    def of(self, org_id: int, monitor_id: int) -> tuple[int, ...]:
        """The ids of all windows that concern a monitor with a rule."""
        whole, own = self.by_org.get(org_id, ()), self.by_monitor.get(monitor_id, ())
        return whole + own if own else whole


def read_windows(connection: sqlite3.Connection) -> RuleWindows:
    """The windows of those monitors that have rules."""
    times: dict[int, Recurrence] = {}
    by_org: defaultdict[int, list[int]] = defaultdict(list)
    by_monitor: defaultdict[int, list[int]] = defaultdict(list)
    for window_id, org_id, text, is_for_all in connection.execute(WINDOWS):
        times[window_id] = _TIMES.decode(text)
        if is_for_all:
            by_org[org_id].append(window_id)
    if times:
        for monitor_id, window_id in connection.execute(CONCERNING):
            by_monitor[monitor_id].append(window_id)
    return RuleWindows(times, _kept(by_org), _kept(by_monitor))


def _kept(windows: Mapping[int, list[int]]) -> dict[int, tuple[int, ...]]:
    return {number: tuple(some) for number, some in windows.items()}
