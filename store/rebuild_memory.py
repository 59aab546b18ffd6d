"""What history remembers of the monitors, as an empty Redis is to know it again."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from store.book.history_reader import HistoryReader, OpenIncident
from store.book.unfinished import Unfinished, unfinished
from store.live.event_types import CAUSES
from store.live.packed_runs import RememberedRuns
from store.monitor import MonitorConfig, MonitorState, Phase
from store.monitor_rules import MonitorRules

# What was to be over so long before history ends, or longer, was judged, and is in the history.
RECORDED_WITHIN_MS = 10_000
_NOTHING = Unfinished()


class Memory(msgspec.Struct, frozen=True):
    """Monitors' last signs of life, their open incidents, what they signalled that is not over, and the last ping of
    all (None: there never was one)."""

    seen: dict[int, int]
    opened: dict[int, OpenIncident]
    unfinished: dict[int, Unfinished]
    heard_ms: int | None

    @property
    def bases_ms(self) -> dict[int, int]:
        """From when each monitor's silence counts, as far as that is known."""
        return self.seen | {number: one.silence_ms for number, one in self.opened.items()}

    @property
    def judged_ms(self) -> int:
        """Up to when history knows of every run that overran."""
        return max(0, (self.heard_ms or 0) - RECORDED_WITHIN_MS)

    def state_of(self, config: MonitorConfig) -> MonitorState | None:
        """The state of a monitor as far as history knows; None: nothing, it is watched from now."""
        opened = self.opened.get(config.id)
        life_ms, signal_ms = self.seen.get(config.id), self._unfinished(config.id).last_ms
        if config.paused or (life_ms is None and opened is None and not signal_ms):
            return None
        base_ms = down_at_ms = 0
        if opened is not None:
            base_ms, down_at_ms = opened.silence_ms, opened.started_ms
        elif life_ms is not None:
            # Not down when history ends, so its window reached beyond that: signs of life that are no history, an edit
            # or a resume had moved it. It must touch the blind time that follows, or it would be a false alarm.
            base_ms = max(life_ms, self._least_base_ms(config, life_ms))
        return MonitorState(
            phase=Phase.DOWN if opened is not None else Phase.ACTIVE,
            base_ms=base_ms,
            seen_ms=max(life_ms or 0, signal_ms),
            recorded_ms=max(life_ms or 0, signal_ms),
            down_at_ms=down_at_ms,
            delayed_ms=opened.delayed_ms if opened is not None else 0,
        )

    def runs_of(self, config: MonitorConfig) -> RememberedRuns:
        """Why it is down, its failures in a row, and its runs."""
        opened, one = self.opened.get(config.id), self._unfinished(config.id)
        if config.paused:
            return RememberedRuns()
        life_ms = self.seen.get(config.id, 0)
        failed_ms = [
            at_ms for at_ms in one.failed_ms if at_ms > life_ms and not _is_quiet(config.rules, at_ms)
        ]
        return RememberedRuns(
            cause=CAUSES[opened.kind if opened is not None else "silence"],
            failures=len(failed_ms),
            under_way=tuple(one.under_way.items()),
            ended=tuple(one.ended.items()),
        )

    def _unfinished(self, monitor_id: int) -> Unfinished:
        return self.unfinished.get(monitor_id, _NOTHING)

    def _least_base_ms(self, config: MonitorConfig, seen_ms: int) -> int:
        """The earliest moment from which a deadline counts that lies beyond the history."""
        heard_ms = self.heard_ms or 0
        if not config.is_scheduled or config.rules is None:
            return heard_ms - config.limit_ms + 1
        ticks = [tick * 1000 for tick in config.rules.ticks if tick * 1000 > seen_ms]
        deciding = ticks[config.rules.failures - 1] if len(ticks) >= config.rules.failures else heard_ms
        return seen_ms if deciding + config.grace_s * 1000 > heard_ms else heard_ms


async def remember(history: HistoryReader) -> Memory:
    """All that history remembers."""
    seen = await history.last_seen()
    signalled = await unfinished(history.path)
    heard_ms = max(_latest(seen.values()), _latest([one.last_ms for one in signalled.values()])) or None
    return Memory(seen, await history.open_incidents(), signalled, heard_ms)


def _latest(moments_ms: Collection[int]) -> int:
    return max(moments_ms, default=0)


def _is_quiet(rules: MonitorRules | None, at_ms: int) -> bool:
    return rules is not None and any(from_s * 1000 <= at_ms < to_s * 1000 for from_s, to_s in rules.quiet)
