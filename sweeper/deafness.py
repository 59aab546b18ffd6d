"""Says loudly when blind time goes on and on: each deadline moves with it, so nobody is declared down.

No clock is held then. So it is while pings are refused again and again, or while ingest stands still again and again.
"""

from __future__ import annotations

import logging

from store.blind_time import reaches
from store.live.sweeping import Swept
from store.metrics import BLIND_NOW

# Whoever operates this has to know within fifteen seconds.
DEAF_TOO_LONG_MS = 10_000
# A blind time that is just over (a start, say) is still near the watermark for a moment.
JUST_OVER_MS = 3_000
_log = logging.getLogger(__name__)


class Deafness:
    """Whether the newest blind time of a shard goes on."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._gauge = BLIND_NOW.labels(str(shard))
        self._seen_since_ms: int | None = None
        self._alarmed = False

    def look(self, swept: Swept) -> None:
        """Log it once when a blind time is long and goes on, and once when it is over."""
        blind = swept.blind
        if swept.watermark_ms is None or blind is None or not reaches(blind, swept.watermark_ms):
            self._gauge.set(0)
            self._seen_since_ms = None
            if self._alarmed and swept.watermark_ms is not None:
                _log.warning("shard %d: pings are heard again", self._shard)
                self._alarmed = False
            return
        if self._seen_since_ms is None or self._seen_since_ms > swept.now_ms:
            self._seen_since_ms = swept.now_ms
        self._gauge.set(blind.length_ms / 1000)
        goes_on = swept.now_ms - self._seen_since_ms >= JUST_OVER_MS
        if blind.length_ms > DEAF_TOO_LONG_MS and goes_on and not self._alarmed:
            self._alarmed = True
            _log.error(
                "shard %d: pings go unheard for %d s and it goes on, so nobody is declared down: they are refused, or "
                "ingest stands still, again and again; look at the load of this machine and of Redis",
                self._shard,
                blind.length_ms // 1000,
            )
