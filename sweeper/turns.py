"""Whose turn it is: how many attempts of each channel may be under way, so that whoever is slow holds up itself alone.

1. A channel that nobody knows gets one attempt; once one has ended quickly, as many as its kind allows. Those beyond
   the first come from a part of the places, so that any other channel finds one for its first.
2. One whose attempt takes long is slow until one is quick, or a minute is over. All slow ones of a kind share a part of
   the places. Each gets one, and those that took what they were told last get what is left of that part. One that had a
   place and nothing to be told stands back behind the others.
3. An attempt that takes long does not count among the quick ones any more, so those have their places back.
4. One that asked for a pause (429 or 503 with `Retry-After`) gets nothing until that is over, and then one. A trial
   that it takes ends the pause: somebody has seen to it.

Pauses are in Redis. The rest is known to one process and forgotten with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from store.clock import monotonic_ms
from store.live.channel_event import TrialEvent
from store.live.delivering import PAUSE_IS_OVER, Lease, Room
from sweeper.channels.attempt import ATTEMPTS_PER_CHANNEL, Attempt

# Those that have just begun, and all together; those that wait for others of their kind come on top.
QUICK_AT_ONCE, ATTEMPTS_AT_ONCE = 192, 384
# Of these the ones that are not the only one of their channel.
MORE_AT_ONCE = 96
LEASED_AT_ONCE = 1024
SLOW_FROM_MS, SLOW_FOR_MS = 1_000, 60_000
FIRST_AT_ONCE = 1
# When so many of a kind wait, no more of it are taken; whose kind is not known yet is taken once.
WAITING_OF_A_KIND = 48
# Who was forgotten is nobody whom we know.
KNOWN, SLOW_KNOWN = 5_000, 1_000
Value = TypeVar("Value")


class Kind(Protocol):
    """What is asked of a kind of channel."""

    at_once: int
    slow_at_once: int

    @property
    def waiting(self) -> int: ...


class Turns:
    """`kinds` are those that can be told, by name."""

    def __init__(self, kinds: Mapping[str, Kind], now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._kinds = kinds
        self._now_ms = now_ms
        # Attempts by the identity of their leases, with the moments at which they began.
        self._under_way: dict[int, tuple[Lease, int]] = {}
        self._ended: set[int] = set()
        self._kind_of: dict[int, str] = {}
        self._quick: dict[int, bool] = {}
        # With whether it took what it was told last, and when that was.
        self._slow: dict[int, tuple[bool, int]] = {}
        # What Redis is to be told with the next call: for how long nobody calls a channel.
        self._pauses_ms: dict[int, int] = {}

    def begin(self, one: Lease) -> None:
        """An attempt begins."""
        self._under_way[id(one)] = one, self._now_ms()
        if one.channel is not None:
            _keep(self._kind_of, one.channel_id, one.channel.kind, KNOWN)

    def end(self, one: Lease) -> None:
        """It is over, however it went."""
        del self._under_way[id(one)]
        self._ended.add(one.channel_id)

    def pass_over(self, channel: int) -> None:
        """Nobody was called, so nobody can be slow."""
        _keep(self._quick, channel, True, KNOWN)

    def learn(self, one: Lease, attempt: Attempt) -> None:
        """How it went; waiting for others of its kind is not in its duration."""
        channel = one.channel_id
        if attempt.duration_ms < SLOW_FROM_MS:
            self._slow.pop(channel, None)
            _keep(self._quick, channel, True, KNOWN)
        else:
            self._quick.pop(channel, None)
            _keep(self._slow, channel, (attempt.outcome == "delivered", self._now_ms()), SLOW_KNOWN)
        if attempt.retry_after_s:
            self._quick.pop(channel, None)
            self._pauses_ms[channel] = round(attempt.retry_after_s * 1000)
        elif attempt.outcome == "delivered" and isinstance(one.event, TrialEvent):
            self._pauses_ms[channel] = PAUSE_IS_OVER

    def free(self) -> int:
        """How many attempts may begin now."""
        waiting = sum(kind.waiting for kind in self._kinds.values())
        most = min(QUICK_AT_ONCE + len(self._late()), ATTEMPTS_AT_ONCE) + waiting
        return min(most, LEASED_AT_ONCE) - len(self._under_way)

    def rooms(self) -> list[Room]:
        """What each channel may begin now; any that is not named has `FIRST_AT_ONCE`."""
        counts = Counter(one.channel_id for one, _ in self._under_way.values())
        rooms = self._rooms_of_quick(counts) | self._rooms_of_slow(counts)
        crowded = {name for name, kind in self._kinds.items() if kind.waiting >= WAITING_OF_A_KIND}
        if crowded:
            rooms |= {channel: 0 for channel, kind in self._kind_of.items() if kind in crowded}
        named = {**rooms, **self._pauses_ms}
        return [Room(one, rooms.get(one, 0), self._pauses_ms.get(one, 0)) for one in named]

    def told(self, rooms: Sequence[Room], leased: Collection[int]) -> None:
        """Redis knows this, and for the channels `leased` there was something; what came since is for the next call."""
        for room in rooms:
            self._ended.discard(room.channel_id)
            if room.attempts and room.channel_id in self._slow and room.channel_id not in leased:
                self._slow[room.channel_id] = self._slow.pop(room.channel_id)
            if self._pauses_ms.get(room.channel_id) == room.pause_ms:
                del self._pauses_ms[room.channel_id]

    def _at_once(self, channel: int) -> int:
        kind = self._kinds.get(self._kind_of.get(channel, ""))
        return kind.at_once if kind else ATTEMPTS_PER_CHANNEL

    def _late(self) -> list[int]:
        """The channels of attempts that take long, one for each."""
        since_ms = self._now_ms() - SLOW_FROM_MS
        return [one.channel_id for one, began_ms in self._under_way.values() if began_ms <= since_ms]

    def _rooms_of_quick(self, counts: Counter[int]) -> dict[int, int]:
        """One for each that has none; those that are known to be quick share what there is beyond that."""
        left = MORE_AT_ONCE - sum(count - FIRST_AT_ONCE for count in counts.values())
        rooms = {}
        for one in [*counts, *(self._ended - counts.keys())]:
            more = self._at_once(one) - max(FIRST_AT_ONCE, counts[one]) if one in self._quick else 0
            more = max(0, min(more, left))
            left -= more
            rooms[one] = max(0, FIRST_AT_ONCE - counts[one]) + more
        return rooms

    def _rooms_of_slow(self, counts: Counter[int]) -> dict[int, int]:
        """One for each that has none, the longest waiting first; what is left is for those that take what is told."""
        until_ms = self._now_ms() - SLOW_FOR_MS
        self._slow = {
            one: (takes_it, at_ms) for one, (takes_it, at_ms) in self._slow.items() if at_ms > until_ms
        }
        slow = {one: takes_it for one, (takes_it, _) in self._slow.items()}
        slow |= {one: one in self._quick for one in self._late() if one not in slow}
        left = Counter({name: kind.slow_at_once for name, kind in self._kinds.items()})
        left.subtract(self._kind_of.get(one, "") for one in slow for _ in range(counts[one]))
        rooms = {one: self._part_of(left, one, FIRST_AT_ONCE - counts[one]) for one in slow}
        for one in (one for one, takes_it in slow.items() if takes_it):
            rooms[one] += self._part_of(left, one, self._at_once(one) - counts[one] - rooms[one])
        return rooms

    def _part_of(self, left: Counter[str], channel: int, wanted: int) -> int:
        kind = self._kind_of.get(channel, "")
        part = max(0, min(wanted, left[kind]))
        left[kind] -= part
        return part


def _keep(known: dict[int, Value], channel: int, value: Value, most: int) -> None:
    """The newest stand last; beyond so many the oldest are forgotten."""
    known.pop(channel, None)
    known[channel] = value
    while len(known) > most:
        del known[next(iter(known))]
