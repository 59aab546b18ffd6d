"""Whether a maintenance window is on at a moment, asked for sample after sample: worked out for a day at a time."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence

from store.errors import Invalid
from store.maintenance import DAY_S, Recurrence, merged

# Stamps go back by an hour at most, so those of one flow are mostly within what is known.
BACK_S = 2 * 3600
_log = logging.getLogger(__name__)


class QuietTimes:
    """The times of some windows together."""

    def __init__(self, windows: Sequence[Recurrence]) -> None:
        self._windows = windows
        self._known = range(0)
        self._starts: list[int] = []
        self._ends: list[int] = []

    def include(self, at_ms: int) -> bool:
        """Whether one of the windows is on."""
        at_s = at_ms // 1000
        if at_s not in self._known:
            self._work_out(at_s)
        place = bisect_right(self._starts, at_s) - 1
        return place >= 0 and at_s < self._ends[place]

    def _work_out(self, at_s: int) -> None:
        """A window that cannot be read silences nothing: better told than lost."""
        self._known = range(at_s - BACK_S, at_s + DAY_S)
        try:
            times = list(merged(self._windows, self._known.start, self._known.stop))
        except Invalid as error:
            _log.error("a maintenance window cannot be read, so metrics are told in it: %s", error)
            times = []
        self._starts = [from_s for from_s, _ in times]
        self._ends = [to_s for _, to_s in times]
