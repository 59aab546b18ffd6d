"""Where pings enter: stamps each one on arrival, finds its monitor's shard, and puts it into that shard's batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ingest.batcher import Batcher
from ingest.keyring import Keyring, KnownKey
from ingest.resolver import Resolver
from ingest.senders import Strangers
from ingest.tally import Tally
from ingest.waiting import AwaitedPing, Waiting
from store.beat import Beat
from store.clock import monotonic_ms
from store.errors import Fenced
from store.live.arrival import ArrivalClock
from store.live.heads import Outcome
from store.live.link import Link
from store.live.live import Live
from store.live.shard import Shard
from store.live.writer import Writer
from store.metrics import QUEUED_PINGS

# Whoever has tried too many unknown keys: what they send in this time is looked up together, up to so many keys.
SLOW_PAUSE_S = 0.25
SLOW_WAITING = 2_048


class Intake:
    """The ping side of an ingest process: a writer and a batcher per shard, one keyring, one resolver.

    A sender who has tried too many unknown keys comes to a second resolver, which is slow. So a scan costs Redis a few
    calls a second, and yet a key that is somebody's is found and its ping counts.

    Args:
        live: the shards.
        slot: the writer slot of this process, such as `main-0`.
        doors: the names of the doors; a ping names its door by its place here.
    """

    def __init__(self, live: Live, slot: str, doors: Sequence[str]) -> None:
        self.clock = ArrivalClock()
        self.tally = Tally(doors)
        self._live = live
        self._keyring = Keyring()
        self.find = self._keyring.find
        self._links = [Link(live.url, live.scripts) for _ in live.shards]
        self._writers = [
            Writer(link, shard.keys, live.generation, slot, self.clock)
            for link, shard in zip(self._links, live.shards, strict=True)
        ]
        self._looking_links: list[Link] = []
        looking, looking_slowly = self._shards_to_look_in(live), self._shards_to_look_in(live)
        self._resolver = Resolver(looking, self._keyring, self._found, self._refuse, self._unknown)
        self._slow_resolver = Resolver(
            looking_slowly,
            self._keyring,
            self._found,
            self._refuse,
            self._unknown,
            overflow=self._unknown,
            most_waiting=SLOW_WAITING,
            pause_s=SLOW_PAUSE_S,
        )
        self._strangers = Strangers()
        self._batchers = [
            Batcher(writer, self._oldest_unresolved, self._keyring.forget, self._look_again, self.tally)
            for writer in self._writers
        ]
        self._loop = asyncio.get_running_loop()

    @property
    def is_heard(self) -> bool:
        """Whether this process has its writer slots: what arrives now can be recorded."""
        return all(batcher.is_open for batcher in self._batchers)

    async def run(self) -> None:
        """Send batches until closed. Raises Fenced when another process took a slot over."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for batcher in self._batchers:
                    tasks.create_task(batcher.run())
        except ExceptionGroup as group:
            fenced = group.subgroup(Fenced)
            if fenced is None:
                raise
            raise Fenced(*fenced.exceptions[0].args) from group
        finally:
            for link in (*self._links, *self._looking_links):
                await link.aclose()

    def close(self) -> None:
        """Take no more pings; `run` ends when what was taken is answered and the slots are given back."""
        for batcher in self._batchers:
            batcher.close()

    def show(self) -> None:
        """Tell Prometheus how many pings wait."""
        QUEUED_PINGS.set(sum(map(len, self._batchers)))

    def arrive(self, key: str, flags: int, beat: Beat, door: int) -> AwaitedPing:
        """A ping has arrived, now. Await its `future` for the outcome."""
        ping = AwaitedPing(key, flags, beat, door, self._loop.create_future())
        self.enter(ping)
        return ping

    def enter(self, ping: Waiting, at_ms: int | None = None) -> None:
        """A ping has arrived, now; it is answered when its outcome is known, perhaps before this returns.

        Before Redis' clock is known it is refused: it cannot be stamped, and its key may be found before the slot is
        taken and the clock set.

        `at_ms`: a relay says that it happened then. That is what is recorded; it holds no watermark back, as a moment
        that lies before the watermark already could not.
        """
        ping.arrival_ms = now_ms = self.clock.now_ms()
        ping.happened_ms = now_ms if at_ms is None else at_ms
        ping.known = known = self.find(ping.key)
        if known is not None:
            self._batchers[known.shard].add(ping)
        elif self.clock.is_set:
            self._resolve(ping)
        else:
            self._refuse(ping)

    def _shards_to_look_in(self, live: Live) -> list[Shard]:
        """The shards over links of their own: a look-up is as lean as a batch, and neither waits for the other."""
        links = [Link(live.url, live.scripts) for _ in live.shards]
        self._looking_links += links
        return [
            Shard(link, shard.keys, live.generation) for link, shard in zip(links, live.shards, strict=True)
        ]

    def admit(self, ping: Waiting, known: KnownKey) -> None:
        """A ping has arrived, now, whose key `find` has just found: the same in fewer steps."""
        ping.arrival_ms = ping.happened_ms = self.clock.now_ms()
        ping.known = known
        self._batchers[known.shard].add(ping)

    def _resolve(self, ping: Waiting) -> None:
        now_ms = monotonic_ms()
        if self._keyring.is_unknown(ping.key, now_ms):
            self._unknown(ping)
        elif self._strangers.has_enough(ping.beat.sender, now_ms):
            self._slow_resolver.add(ping)
        else:
            self._resolver.add(ping)

    def _oldest_unresolved(self) -> int | None:
        oldest, slow = self._resolver.oldest_ms(), self._slow_resolver.oldest_ms()
        if oldest is None or slow is None:
            return slow if oldest is None else oldest
        return min(oldest, slow)

    def _found(self, pings: list[Waiting]) -> None:
        for number, batcher in enumerate(self._batchers):
            own = [ping for ping in pings if ping.known is not None and ping.known.shard == number]
            if own:
                batcher.add_first(own)

    def _look_again(self, ping: Waiting) -> None:
        self._keyring.forget(ping.key)
        self._resolver.add(ping)

    def _refuse(self, ping: Waiting) -> None:
        # Whose monitor it was is not known: any shard may have gone unheard.
        for writer in self._writers:
            writer.confess(ping.arrival_ms)
        self.tally.count(ping.door, Outcome.UNAVAILABLE)
        ping.refuse()

    def _unknown(self, ping: Waiting) -> None:
        ping.retry_after_s = self._strangers.note(ping.beat.sender, monotonic_ms())
        outcome = Outcome.TURNED_AWAY if ping.retry_after_s else Outcome.UNKNOWN
        self.tally.count(ping.door, outcome)
        ping.answer(outcome)
