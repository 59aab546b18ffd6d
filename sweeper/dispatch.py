"""Tells: events become deliveries, due deliveries are leased, attempted, and settled or scheduled again.

Nothing is taken out before it is done: a lease that is not settled ends by itself, and the delivery is due again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from store.clock import monotonic_ms
from store.errors import OverdueError
from store.fault_points import reach
from store.last_ping import NOTHING, Answers
from store.live.channel_event import TrialEvent
from store.live.collected_event import CollectedEvent
from store.live.delivering import Lease, Report, Settlement, deliver, lease, renew
from store.live.event_types import TYPES
from store.live.shard import Shard
from store.live.telling import tag_collection
from store.messages.message import notice_of
from store.messages.notice import Notice
from store.metrics import DELIVERIES, EVENTS
from sweeper.channels import Channel
from sweeper.last_pings import LastPings, Sources, is_asked_for
from sweeper.schedule import LOOK_EVERY_S, wait_until_due
from sweeper.settling import Settling
from sweeper.turns import FIRST_AT_ONCE, Turns
from sweeper.verdict import failing, is_reminder, judge, report_of, untold

# A call of so many takes Redis about a millisecond, where each is for a few channels.
EVENTS_AT_ONCE = 48
# What is handed out together: the rest in the next call, a moment later.
LEASES_AT_ONCE = 64
LEASE_MS = 5_000
NO_EVENT = "0-0"
RENEW_EVERY_S = 1.5
# By then it has ended this process, or another one, every time for about two days: the wait grows (lease.lua).
LEASES_PER_ATTEMPT = 64
# A status from which on it says that a recipient was refused.
REFUSALS_FROM = 400
_COUNTED_AS = {"done": "delivered", "gone": "dropped"}
# Why there was no attempt.
UNREADABLE = "dropped, because its record cannot be read"
NO_CHANNEL = "dropped, because its channel was deleted"
DISABLED = "not sent, because the channel is disabled: its receiver asked never to be called again"
DEADLY = "given up, because every time it was to be sent, the sweeper ended before it knew how that went"
_log = logging.getLogger(__name__)
# From numbers of monitors to their tags, with how many have each; may raise Unavailable, and may wait for a disk.
TagCounter = Callable[[Sequence[int]], Sequence[tuple[str, int]]]


class Dispatch:
    """The deliveries of one shard. `channels` are the kinds that can be told, by name.

    `count_tags` looks up tags for messages about many monitors, `sources` what monitors sent last (nobody is asked
    without them); `stepping` is the same shard for the calls of `step`, which come one at a time. `base_url` is where
    this installation is reached, if that is known.
    """

    def __init__(
        self,
        shard: Shard,
        channels: Mapping[str, Channel],
        count_tags: TagCounter,
        stepping: Shard | None = None,
        sources: Sources | None = None,
        base_url: str = "",
    ) -> None:
        self._shard = shard
        self._base_url = base_url
        self._stepping = stepping or shard
        self._channels = channels
        self._count_tags = count_tags
        self._last_pings = LastPings(shard, sources) if sources is not None else None
        self._noting: set[asyncio.Task[dict[str, Lease]]] = set()
        self._under_way: dict[asyncio.Task[None], Lease] = {}
        self._settling = Settling(shard)
        self._turns = Turns(channels)
        self._next_lease_ms = self._looked_up_to = 0
        self.dispatched = NO_EVENT

    async def step(self) -> float:
        """Turn events into deliveries and begin attempts; answers how many seconds to wait if no event comes.

        `dispatched` is the last event that was turned into deliveries.

        Raises:
            Unavailable: Redis is away or is being rebuilt; everything waits in it.
        """
        delivered = await deliver(self._stepping, EVENTS_AT_ONCE)
        if delivered.deliveries:
            reach("dispatch.delivered")
            self._next_lease_ms = 0
        for kind in delivered.kinds:
            EVENTS.labels(TYPES.get(kind, "monitor.closed")).inc()
        self.dispatched = delivered.last
        more_to_settle = await self._settling.settle_remembered()
        wait_s = await self._begin_attempts()
        return 0.0 if more_to_settle or delivered.has_more else wait_s

    async def keep_leases(self) -> None:
        """Prolong the leases of attempts under way, again and again until cancelled."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            leases = self._settling.leases()
            if leases:
                try:
                    await renew(self._shard, LEASE_MS, leases)
                except OverdueError as error:
                    _log.warning("cannot prolong %d leases: %s", len(leases), error)

    async def finish(self, within_s: float) -> None:
        """Let the attempts under way end; those that take longer are cut off, and their leases end by themselves."""
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=within_s)
        cut_off: set[asyncio.Task[Any]] = {*late, *self._noting}
        for task in cut_off:
            task.cancel()
        if cut_off:
            await asyncio.wait(cut_off)

    async def _begin_attempts(self) -> float:
        """How many seconds to wait: none when there may be more to begin.

        While attempts are under way and nothing else could be begun, the next look comes when one of them has ended,
        when something new is to be told, or a while later.
        """
        free = self._turns.free()
        if free <= 0 or monotonic_ms() < self._next_lease_ms:
            return LOOK_EVERY_S
        rooms = self._turns.rooms()
        leased = await lease(
            self._stepping,
            min(free, LEASES_AT_ONCE),
            LEASE_MS,
            rooms,
            usual_room=FIRST_AT_ONCE,
            look_behind=self._looked_up_to,
        )
        self._turns.told(rooms, {one.channel_id for one in leased.leases})
        self._looked_up_to = leased.looked_up_to
        if leased.leases:
            reach("dispatch.leased")
        fresh = [one for one in leased.leases if self._settling.begin(one)]
        noting = self._note_last_pings(fresh)
        for one in fresh:
            self._turns.begin(one)
            task = asyncio.create_task(self._attempt(one, noting))
            self._under_way[task] = one
            task.add_done_callback(self._end)
        if leased.leases or leased.has_more:
            return 0.0
        if not self._under_way:
            return wait_until_due(leased.next_due_in_ms)
        self._next_lease_ms = monotonic_ms() + round(LOOK_EVERY_S * 1000)
        return LOOK_EVERY_S

    def _end(self, task: asyncio.Task[None]) -> None:
        one = self._under_way.pop(task)
        self._turns.end(one)
        self._settling.end(one)
        self._next_lease_ms = 0

    def _note_last_pings(self, leases: Sequence[Lease]) -> asyncio.Task[dict[str, Lease]] | None:
        """Looks up, for all that were leased together, what their monitors sent last; None if none of them needs it."""
        if self._last_pings is None or not any(is_asked_for(one) for one in leases):
            return None
        noting = asyncio.create_task(self._last_pings.note(leases))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)
        return noting

    async def _attempt(self, one: Lease, noting: asyncio.Task[dict[str, Lease]] | None) -> None:
        """1. Find the channel, and what is to be told. 2. Attempt. 3. Settle; a lease that was lost changes nothing."""
        found = (await asyncio.shield(noting)).get(one.delivery_id) if noting else one
        tagged = await self._with_tags(found) if found else None
        if tagged is None:
            return
        one, notice = tagged, _notice(tagged, self._base_url)
        if notice is None or one.channel is None or one.channel.kind not in self._channels:
            self._turns.pass_over(one.channel_id)
            await self._settle(one, "gone", 0, untold(UNREADABLE if notice is None else NO_CHANNEL))
            return
        if one.is_disabled or one.leases > LEASES_PER_ATTEMPT:
            self._turns.pass_over(one.channel_id)
            settlement: Settlement = "gone" if isinstance(one.event, TrialEvent) else "dead"
            reason = DISABLED if one.is_disabled else DEADLY
            told = failing(one, reason, is_disabled=one.is_disabled)
            await self._settle(one, settlement, 0, untold(reason, told))
            return
        attempt = await self._channels[one.channel.kind].send(one.channel.settings, notice)
        self._turns.learn(one, attempt)
        reach("dispatch.attempted")
        outcome, wait_ms = judge(one, attempt)
        counted_as = "gone" if outcome == "dead" and is_reminder(one) else outcome
        DELIVERIES.labels(one.channel.kind, _COUNTED_AS.get(counted_as, counted_as)).inc()
        if attempt.outcome != "delivered" or attempt.misses:
            _log.warning("channel %d: attempt %d failed: %s", one.channel.id, one.attempt, attempt.reason)
        if attempt.outcome == "gone":
            _log.error("channel %d is disabled: its receiver asks never to be called again", one.channel.id)
        await self._settle(one, outcome, wait_ms, report_of(one, attempt, outcome))

    async def _with_tags(self, one: Lease) -> Lease | None:
        """A collection with the tags of its monitors, which are looked up once; if that cannot be done, there are none.

        What was found is noted before the first attempt, so that every attempt says the same. None: it cannot be noted,
        as the lease was lost or Redis is away, so that this is no time for an attempt.
        """
        event = one.event
        if not isinstance(event, CollectedEvent) or event.is_tagged:
            return one
        tags: Sequence[tuple[str, int]] | None = None
        try:
            tags = await asyncio.to_thread(self._count_tags, event.member_ids)
        except OverdueError as error:
            _log.warning("delivery %s is told without tags: %s", one.delivery_id, error)
        try:
            noted = await tag_collection(self._shard, one, tags)
            reach("dispatch.tagged")
        except OverdueError as error:
            _log.warning("delivery %s waits for the end of its lease: %s", one.delivery_id, error)
            return None
        return None if noted is None else msgspec.structs.replace(one, event=noted)

    async def _settle(self, one: Lease, outcome: Settlement, wait_ms: int, report: Report) -> None:
        if await self._settling.settle(one, outcome, wait_ms, report):
            reach("dispatch.settled")


def _notice(one: Lease, base_url: str) -> Notice | None:
    """What is to be told; None, with a loud word, for a record that cannot be read."""
    try:
        if one.event is not None:
            notice = notice_of(one.event, one.noted or NOTHING, base_url)
            return msgspec.structs.replace(notice, answers=_answers(one))
    except (OverflowError, KeyError) as error:
        _log.debug("the event of delivery %s is not one: %r", one.delivery_id, error)
    _log.error("delivery %s cannot be read and is given up", one.delivery_id)
    return None


def _answers(one: Lease) -> Answers:
    """Those of recipients who need not be told again. What was given up and is sent again tries all others anew."""
    answers = one.noted.answers if one.noted else ()
    return answers if one.attempt > 1 else tuple(known for known in answers if known[1] < REFUSALS_FROM)
