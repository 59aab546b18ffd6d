"""How many attempts each channel may have under way, as that depends on how it answers."""

from __future__ import annotations

from store.live.delivering import Lease
from store.projection import ChannelTarget
from sweeper.channels.attempt import Attempt, Outcome
from sweeper.turns import (
    ATTEMPTS_AT_ONCE,
    FIRST_AT_ONCE,
    MORE_AT_ONCE,
    QUICK_AT_ONCE,
    SLOW_FOR_MS,
    SLOW_FROM_MS,
    WAITING_OF_A_KIND,
    Turns,
)


class Kind:
    """Webhooks, or something like them."""

    at_once, slow_at_once, waiting = 8, 20, 0


class Scene:
    """Turns with a clock that the test moves."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.kind = Kind()
        self.turns = Turns({"webhook": self.kind}, lambda: self.now_ms)
        self._made = 0

    def begin(self, *channels: int) -> list[Lease]:
        leases = []
        for channel in channels:
            self._made += 1
            leases.append(Lease(f"{self._made}-1:{channel}", 1, None, ChannelTarget(channel, "webhook", b"")))
            self.turns.begin(leases[-1])
        return leases

    def end(self, *leases: Lease, ms: int = 5, outcome: Outcome = "delivered", pause_s: int = 0) -> None:
        for one in leases:
            self.turns.learn(one, Attempt(outcome, None, pause_s, "", ms))
            self.turns.end(one)

    def known(self, *channels: int, ms: int = 5, outcome: Outcome = "delivered") -> None:
        """Each has had one attempt that went like that."""
        self.end(*self.begin(*channels), ms=ms, outcome=outcome)

    def room(self, channel: int) -> int:
        rooms = {one.channel_id: one.attempts for one in self.turns.rooms()}
        return rooms.get(channel, FIRST_AT_ONCE)


def test_whom_nobody_knows_gets_one_and_more_when_that_was_quick() -> None:
    scene = Scene()
    [one] = scene.begin(7)
    assert scene.room(7) == 0
    scene.end(one, outcome="retry")
    assert scene.room(7) == Kind.at_once
    scene.begin(7, 7, 7)
    assert scene.room(7) == Kind.at_once - 3


def test_what_is_beyond_the_first_of_each_channel_has_a_part_of_the_places() -> None:
    scene = Scene()
    channels = range(1, 41)
    scene.known(*channels)
    while began := [room.channel_id for room in scene.turns.rooms() for _ in range(room.attempts)]:
        scene.begin(*began)
        scene.turns.told(scene.turns.rooms(), ())
    assert QUICK_AT_ONCE - scene.turns.free() == len(channels) + MORE_AT_ONCE
    assert scene.room(99) == FIRST_AT_ONCE


def test_a_slow_channel_gets_one_at_a_time_until_it_is_quick() -> None:
    scene = Scene()
    scene.known(7, ms=SLOW_FROM_MS, outcome="retry")
    assert scene.room(7) == 1
    [one] = scene.begin(7)
    assert scene.room(7) == 0
    scene.end(one)
    assert scene.room(7) == Kind.at_once


def test_all_slow_ones_together_have_a_part_of_the_places_in_turn() -> None:
    scene = Scene()
    channels = range(1, 31)
    scene.known(*channels, ms=SLOW_FROM_MS, outcome="retry")
    first = [room.channel_id for room in scene.turns.rooms() if room.attempts]
    assert len(first) == Kind.slow_at_once
    leases = scene.begin(*first)
    assert not any(room.attempts for room in scene.turns.rooms())
    scene.end(*leases, ms=SLOW_FROM_MS, outcome="retry")
    again = [room.channel_id for room in scene.turns.rooms() if room.attempts]
    assert len(again) == Kind.slow_at_once
    assert set(again) > set(channels) - set(first)


def test_slow_ones_that_have_nothing_to_be_told_stand_back() -> None:
    scene = Scene()
    channels = [*range(1, 3 * Kind.slow_at_once)]
    scene.known(*channels, ms=SLOW_FROM_MS)
    had = set()
    for _ in range(3):
        rooms = scene.turns.rooms()
        had |= {room.channel_id for room in rooms if room.attempts}
        scene.turns.told(rooms, ())
    assert had == set(channels)
    # One that has something all the time keeps its place.
    rooms = scene.turns.rooms()
    [first, *_] = [room.channel_id for room in rooms if room.attempts]
    scene.turns.told(rooms, {first})
    assert scene.room(first) == 1


def test_a_slow_one_is_nobody_whom_we_know_when_a_minute_is_over() -> None:
    scene = Scene()
    scene.known(*range(1, 100), ms=SLOW_FROM_MS)
    assert scene.room(99) == 0
    scene.now_ms += SLOW_FOR_MS
    assert scene.room(99) == FIRST_AT_ONCE


def test_a_slow_one_that_takes_what_it_is_told_gets_what_others_leave() -> None:
    scene = Scene()
    scene.known(7, ms=SLOW_FROM_MS)
    assert scene.room(7) == Kind.at_once
    scene.known(*range(101, 116), ms=SLOW_FROM_MS, outcome="retry")
    assert scene.room(7) == 1 + Kind.slow_at_once - 16


def test_those_that_take_long_give_the_quick_ones_their_places_back() -> None:
    scene = Scene()
    scene.begin(*range(1, QUICK_AT_ONCE + 1))
    assert scene.turns.free() == 0
    scene.now_ms = SLOW_FROM_MS
    assert scene.turns.free() == QUICK_AT_ONCE
    scene.begin(*range(1001, 1001 + QUICK_AT_ONCE))
    scene.now_ms = 2 * SLOW_FROM_MS
    assert scene.turns.free() == QUICK_AT_ONCE * 2 - ATTEMPTS_AT_ONCE == 0


def test_those_that_wait_for_others_of_their_kind_take_no_places_and_no_more_of_them_come() -> None:
    scene = Scene()
    scene.known(7)
    scene.kind.waiting = WAITING_OF_A_KIND
    assert scene.turns.free() == QUICK_AT_ONCE + WAITING_OF_A_KIND
    assert scene.room(7) == 0


def test_a_pause_is_told_once_and_what_comes_meanwhile_with_the_next_call() -> None:
    scene = Scene()
    scene.end(*scene.begin(7), outcome="retry", pause_s=60)
    rooms = scene.turns.rooms()
    assert {one.channel_id: one.pause_ms for one in rooms} == {7: 60_000}
    scene.end(*scene.begin(8), outcome="retry", pause_s=5)
    scene.turns.told(rooms, ())
    assert {one.channel_id: one.pause_ms for one in scene.turns.rooms()} == {8: 5000}
    # After a pause it is asked carefully.
    scene.begin(7)
    assert scene.room(7) == 0
