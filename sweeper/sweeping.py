"""Notices silence: sweeps a shard's due deadlines, and says in how long it is worth looking again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from store.clock import monotonic_ms
from store.fault_points import reach
from store.live.shard import Shard
from store.live.sweeping import Swept, sweep
from store.live.writers import SILENT_MS, Registered, registered
from store.metrics import CLOCK_HELD, DETECTION_DELAY, SWEEP_LAG, WRITERS
from sweeper.deafness import Deafness

# So few that a call takes a millisecond: whoever pings waits no longer than that.
DEADLINES_AT_ONCE = 48
# Intervals have a second at least: what comes about after a look is hardly ever due before the next one.
LOOK_EVERY_S = 0.25
# While verdicts wait for a writer to be heard.
HELD_LOOK_EVERY_S = 0.1
SHORTEST_WAIT_S = 0.005
# A watermark that is further behind than this is held by something: looking again at once would find nothing.
HELD_MS = 1_000
# Whoever operates this has to know within fifteen seconds.
HELD_TOO_LONG_MS = 10_000
# No round trip explains that Redis' clock went on by so much more than ours: it was stepped forward. Less than this
# is no alarm by itself.
STEP_LEAST_MS = 5_000
_log = logging.getLogger(__name__)


class Sweep:
    """The sweep of one shard. `step` is one script call. `own_ms` is this machine's time, which is never stepped."""

    def __init__(self, shard: Shard, own_ms: Callable[[], int] = monotonic_ms) -> None:
        self._shard = shard
        self._own_ms = own_ms
        self._looked_ms: tuple[int, int] | None = None
        self._patient_until_ms = 0
        self._alarmed = False
        self._deafness = Deafness(shard.keys.shard)
        self._heard_ms: int | None = None
        self.lag_ms = 0
        self.writers = 0

    async def step(self) -> float:
        """Judge what is due; answers how many seconds to wait: none when there may be more.

        Raises:
            Unavailable: Redis is away or is being rebuilt; the deadlines wait in it.
        """
        swept = await sweep(self._shard, DEADLINES_AT_ONCE)
        if swept.delays_ms:
            reach("sweep.swept")
        for delay_ms in swept.delays_ms:
            DETECTION_DELAY.observe(delay_ms / 1000)
        await self._watch_clock(swept)
        self._deafness.look(swept)
        if swept.looked_at == DEADLINES_AT_ONCE:
            return 0.0
        return self._wait_s(swept)

    def _wait_s(self, swept: Swept) -> float:
        """Until the next deadline, as the watermark will reach it; at the latest the usual look."""
        if swept.watermark_ms is None or self.lag_ms > HELD_MS:
            return HELD_LOOK_EVERY_S
        if swept.next_deadline_ms is None:
            return LOOK_EVERY_S
        return max(SHORTEST_WAIT_S, min(LOOK_EVERY_S, (swept.next_deadline_ms - swept.now_ms) / 1000))

    async def _watch_clock(self, swept: Swept) -> None:
        """Say loudly when no verdicts can be given, because a writer is stuck or none is there."""
        if swept.watermark_ms is not None:
            self._heard_ms = swept.watermark_ms
        elif self._heard_ms is None:
            self._heard_ms = swept.now_ms  # nobody has listened since this sweeper began
        self.writers = swept.writers
        self.lag_ms = max(0, swept.now_ms - self._heard_ms)
        SWEEP_LAG.set(self.lag_ms / 1000)
        WRITERS.set(self.writers)
        is_held = not self._was_just_stepped(swept.now_ms) and self.lag_ms > HELD_TOO_LONG_MS
        if is_held and not self._alarmed:
            _log.error(
                "shard %d: no verdict for %d s, silence cannot be judged: %s",
                self._shard.keys.shard,
                self.lag_ms // 1000,
                _who_holds(await registered([self._shard])),
            )
        if self._alarmed and self.lag_ms <= HELD_TOO_LONG_MS:
            _log.warning("shard %d: silence is judged again", self._shard.keys.shard)
        self._alarmed = is_held or (self._alarmed and self.lag_ms > HELD_TOO_LONG_MS)
        CLOCK_HELD.set(self._alarmed)

    def _was_just_stepped(self, now_ms: int) -> bool:
        """Whether Redis' clock was stepped forward a moment ago: the writers had no time yet to say that they hear.

        Else an alarm would name a writer that is well, and advise to release it.
        """
        own_ms = self._own_ms()
        former_ms, former_own_ms = self._looked_ms or (now_ms, own_ms)
        self._looked_ms = now_ms, own_ms
        if (now_ms - former_ms) - (own_ms - former_own_ms) > STEP_LEAST_MS:
            self._patient_until_ms = own_ms + SILENT_MS
        return own_ms < self._patient_until_ms


def _who_holds(writers: list[Registered]) -> str:
    """What stands in the way, and what to do about it."""
    if not writers:
        return "no ingest process listens"
    names = [one.slot for one in writers if not one.is_heard]
    if not names:
        return "a writer was stuck until a moment ago"
    return (
        f"the writer {' and '.join(names)} is stuck or gone; end its process, so that it is started again, or release "
        f"it with `overdue writers drop {names[0]}`"
    )
