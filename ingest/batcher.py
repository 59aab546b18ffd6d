"""Many waiting pings -> one script call -> many answers; one call under way at a time, and no timer to wait for.

A lone ping goes at once. What arrives while a call is under way is the next batch, so a flood makes large batches by
itself. With every batch, and with an empty one every 200 ms, goes the watermark: what arrived before it is committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from ingest.tally import Tally
from ingest.waiting import Waiting
from store.beat import BeatRow, encode_history, size_of
from store.clock import monotonic_ms
from store.errors import Unavailable
from store.fault_points import reach
from store.live.connect import Unregistered
from store.live.heads import HAS_RUN, OUT_OF_DATE, SIGNAL_SHIFT, Outcome, pack_head
from store.live.writer import Recorded, Writer
from store.metrics import BATCH_PINGS, REDIS_CALL

MOST_PINGS = 512
# A ping that signals, or whose monitor has rules, may take Redis as long as so many plain ones: it may have to read and
# judge 32 runs. With them in it a call carries fewer pings.
LIKE_PLAIN_PINGS = 16
SIGNALS = 1 << SIGNAL_SHIFT
MOST_BYTES = 256 * 1024
MOST_QUEUED = 16_384
TICK_S = 0.2
_RECORDED = int(Outcome.RECORDED)


class Batcher:
    """The open batch of one shard and the call that is under way.

    Args:
        writer: the slot that the batches go through; `run` registers it.
        oldest_unresolved: the arrival in ms of the oldest ping whose key is still being looked up, if any.
        forget: called with a key whose remembered version is out of date.
        look_again: called with a ping that found no monitor, in case only its remembered key is out of date.
        tally: counts what became of the pings.
    """

    def __init__(
        self,
        writer: Writer,
        oldest_unresolved: Callable[[], int | None],
        forget: Callable[[str], None],
        look_again: Callable[[Waiting], None],
        tally: Tally,
    ) -> None:
        self._writer = writer
        self._oldest_unresolved = oldest_unresolved
        self._forget = forget
        self._look_again = look_again
        self._tally = tally
        self._queue: deque[Waiting] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._closing = False
        self._ended = False
        self.is_open = False
        self._loop = asyncio.get_running_loop()
        self._ticker = self._loop.call_later(TICK_S, self._tick)

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, ping: Waiting) -> None:
        """Put a ping into the open batch; refuses it at once when too many wait."""
        if not self.is_open or self._closing or len(self._queue) >= MOST_QUEUED:
            self.refuse(ping)
            return
        self._queue.append(ping)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def add_first(self, pings: list[Waiting]) -> None:
        """Put pings that arrived earlier, and whose keys have just been found, ahead of the others."""
        if self._ended:
            self._refuse_all(pings)
            return
        self._queue.extendleft(reversed(pings))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def refuse(self, ping: Waiting) -> None:
        """Answer 503, and leave a trace that something went unheard."""
        self._writer.confess(ping.arrival_ms)
        self._tally.count(ping.door, Outcome.UNAVAILABLE)
        ping.refuse()

    async def run(self) -> None:
        """Send batch after batch until closed and empty; then give the slot back.

        Raises:
            Fenced: another process took the slot over.
        """
        try:
            while not (self._closing and not self._queue and self._oldest_unresolved() is None):
                if not self.is_open:
                    await self._register()
                    continue
                if not self._queue:
                    self._wake = self._loop.create_future()
                    await self._wake
                    self._wake = None
                await self._send(self._take())
                # One turn of the loop: whoever was just answered and pings on comes into the next batch too.
                await asyncio.sleep(0)
            if self.is_open:
                await self._give_back()
        finally:
            self._ticker.cancel()
            self._ended = True
            self.is_open = False
            self._refuse_queue()

    def close(self) -> None:
        """Take no more pings; `run` ends when what was taken is answered."""
        self._closing = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(TICK_S, self._tick)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _take(self) -> list[Waiting]:
        queue = self._queue
        batch: list[Waiting] = []
        size = weight = 0
        for ping in islice(queue, MOST_PINGS):
            size += size_of(ping.beat)
            assert ping.known is not None
            weight += LIKE_PLAIN_PINGS if ping.flags >= SIGNALS or ping.known.has_rules else 1
            if (size > MOST_BYTES or weight > MOST_PINGS) and batch:
                break
            batch.append(ping)
        if len(batch) == len(queue):
            queue.clear()
        else:
            for _ in batch:
                queue.popleft()
        return batch

    def _watermark(self) -> int:
        """Everything that arrived up to here is in this batch or in an earlier one."""
        earliest = now_ms = self._writer.clock.now_ms()
        if self._queue:
            earliest = min(ping.arrival_ms for ping in self._queue)
        unresolved = self._oldest_unresolved()
        first = self._queue[0].arrival_ms if self._queue else now_ms
        if first > now_ms or (unresolved is not None and unresolved > now_ms):
            return 0  # stamped before the clock was stepped back: nothing more is heard until these are committed
        return (earliest if unresolved is None else min(earliest, unresolved)) - 1

    async def _send(self, batch: list[Waiting]) -> None:
        # Between taking the batch and reading the watermark nothing may be awaited.
        watermark_ms = self._watermark()
        ids, heads, rows, runs = [], [], [], []
        former = None
        for ping in batch:
            known, beat = ping.known, ping.beat
            assert known is not None
            ids.append(known.wire_id)
            heads.append(pack_head(ping.happened_ms, known.key_epoch, known.version, ping.flags))
            rows.append(BeatRow(known.monitor_id, ping.happened_ms, None if beat == former else beat))
            former = beat
            if ping.flags >= HAS_RUN and beat.signalled is not None:
                runs.append(beat.signalled.run)
        history = encode_history(rows) if rows else b""
        started_ms = monotonic_ms()
        try:
            recorded = await self._writer.record(ids, b"".join(heads), history, watermark_ms, b"".join(runs))
        except Unregistered:
            self._refuse_all(batch)
            self.is_open = False
        except Unavailable:
            # Those in the queue have waited as long as the call was tried; nobody waits for a second one.
            self._refuse_all(batch)
            self._refuse_queue()
            await asyncio.sleep(TICK_S)
        except BaseException:  # fenced or cancelled: nobody else will answer these
            self._refuse_all(batch)
            raise
        else:
            if batch:
                reach("batch.recorded")
                REDIS_CALL.observe((monotonic_ms() - started_ms) / 1000)
                BATCH_PINGS.observe(len(batch))
                self._answer(batch, recorded)
            self._tally.flush()

    def _answer(self, batch: list[Waiting], recorded: Recorded) -> None:
        count = self._tally.count
        waits_s = iter(recorded.waits_s)
        for ping, byte in zip(batch, recorded.outcomes, strict=True):
            outcome = byte
            if outcome == _RECORDED:
                count(ping.door, outcome)
                ping.answer(outcome)
                continue
            if outcome >= OUT_OF_DATE:
                outcome -= OUT_OF_DATE
                self._forget(ping.key)
            if outcome == Outcome.LIMITED:
                ping.retry_after_s = next(waits_s)
            if outcome == Outcome.UNKNOWN and not ping.looked_up:
                self._look_again(ping)
                continue
            count(ping.door, outcome)
            ping.answer(outcome)

    def _refuse_all(self, batch: list[Waiting]) -> None:
        for ping in batch:
            self.refuse(ping)
        self._tally.flush()

    def _refuse_queue(self) -> None:
        # Whoever is answered may send the next ping at once: that one is not among these.
        pings = list(self._queue)
        self._queue.clear()
        self._refuse_all(pings)

    async def _register(self) -> None:
        """Take the slot, or wait a moment. What was refused meanwhile falls into the hole that registering notes."""
        try:
            await self._writer.register()
            reach("writer.registered")
            self.is_open = True
        except Unavailable:
            self._refuse_queue()
            await asyncio.sleep(TICK_S)

    async def _give_back(self) -> None:
        """Say how far was heard at last, and free the slot; if Redis is away, the next start notes the hole."""
        with suppress(Unavailable):
            await self._writer.record((), b"", b"", self._watermark())
            reach("writer.flushed")
            await self._writer.deregister()
