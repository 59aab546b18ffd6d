"""What became of the items of a batch: counts, and each item that failed, by its place from 0."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingest.batch_portion import BatchedPing
from ingest.doors.batch import Beaten, Problem
from ingest.doors.signals import signal_of
from store.beat import Signal
from store.live.heads import Outcome

_REASONS: dict[int, str] = {
    Outcome.UNAVAILABLE: "It could not be recorded right now; send it again.",
    Outcome.BROKEN: "It could not be recorded right now; send it again.",
    Outcome.UNKNOWN: "No monitor has this ping key.",
    Outcome.TURNED_AWAY: "Too many unknown ping keys were tried from this address; wait before trying another.",
    Outcome.LIMITED: "Pinged more often than the plan allows; the sign of life counts.",
}


class Failed(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """An item that was not recorded; `alive` if its sign of life counted all the same."""

    index: int
    reason: str
    retry_after: int = 0
    alive: bool = False


class BatchReply(msgspec.Struct, frozen=True):
    """The reply as it is written."""

    received: int
    recorded: int
    paused: int
    limited: int
    failed: list[Failed]


class Report:
    """What became of the items so far. The pings themselves are not kept, so that little is alive at a time."""

    def __init__(self) -> None:
        self.failed: list[Failed] = []
        self.counts = [0] * len(Outcome)

    def note(
        self, first: int, items: Sequence[Beaten | Problem], pings: Sequence[BatchedPing | None]
    ) -> None:
        """Take in a portion, whose first item has this index."""
        for index, (item, ping) in enumerate(zip(items, pings, strict=True), first):
            if isinstance(item, Problem):
                self.failed.append(Failed(index, item.reason))
            elif ping is not None:
                self.counts[ping.outcome] += 1
                if ping.outcome != Outcome.RECORDED:
                    self._note_failed(index, item, ping)

    def _note_failed(self, index: int, item: Beaten, ping: BatchedPing) -> None:
        reason = _REASONS.get(ping.outcome) or item.complaint
        if reason is not None:
            is_success = signal_of(ping.flags) == Signal.SUCCESS
            if ping.outcome == Outcome.LIMITED and not is_success:
                reason = "Pinged more often than the plan allows; what it signals counts."
            alive = is_success and ping.outcome in {Outcome.LIMITED, Outcome.ALIVE}
            self.failed.append(Failed(index, reason, ping.retry_after_s, alive))

    def is_all_away(self) -> bool:
        """Whether there were pings, and nothing was promised to any of them."""
        return 0 < self.counts[Outcome.UNAVAILABLE] == sum(self.counts)

    def reply(self, received: int) -> BatchReply:
        counts = self.counts
        return BatchReply(
            received=received,
            recorded=counts[Outcome.RECORDED],
            paused=counts[Outcome.PAUSED],
            limited=counts[Outcome.LIMITED],
            failed=self.failed,
        )
