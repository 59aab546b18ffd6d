"""`kill -9` of any one process while 500 pings a second come in: nothing that was answered 200 is lost, every silence
is told, always under one id, and nobody who kept pinging is called dead.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest

from store.clock import wall_ms
from tests.system.api import Api
from tests.system.fleet import Fleet, Job, pinging
from tests.system.history import doubled, missing
from tests.system.house import House
from tests.system.receiver import Receiver
from tests.system.waiting import at, until

ROUNDS = [2, pytest.param(20, marks=pytest.mark.slow)]
HEALTHY, EVERY_S = 24, 0.04  # 600 pings a second
LEAST_RATE = 500
MOMENTS = ("telling", "verdict", "return")
# The receiver takes its time, so that there is a middle of an attempt.
ANSWER_S = 0.05
# Interval and grace in seconds of those who fall silent in each round.
SILENT = ((1, 0), (1, 0), (1, 1), (2, 0), (1, 0), (1, 1))
# A hole moves a deadline by interval + grace; a part that dies again and again is started after up to ten seconds.
TOLD_WITHIN_S = 30.0
# After so many deaths in a row `serve` waits long before it starts a part again; a clean start makes it forget.
ROUNDS_A_START = 5
FSYNC_WINDOW_MS = 2000
ATTEMPTS_AT_ONCE = 64


class Watched(msgspec.Struct, frozen=True):
    """A monitor of this test: its public id, its key, and its interval + grace."""

    id: str
    key: str
    limit_ms: int

    @property
    def job(self) -> Job:
        return Job(self.key, 0.25)


class Scene:
    """What a kill is set in: a loaded house, its healthy monitors, and those that have fallen silent so far."""

    def __init__(self, house: House, api: Api, receiver: Receiver, fleet: Fleet, dice: random.Random) -> None:
        self.house = house
        self.api = api
        self.receiver = receiver
        self.fleet = fleet
        self.dice = dice
        self.healthy: list[Watched] = []
        self.silent: list[Watched] = []
        self.kills_ms: list[int] = []
        self._calls_before = len(receiver.calls)

    def watch(self, interval_s: int, grace_s: int) -> Watched:
        made = self.api.monitor(interval_s, grace_s)
        return Watched(made["id"], made["key"], (interval_s + grace_s) * 1000)

    def watch_and_ping(self, interval_s: int, grace_s: int) -> Watched:
        """At once: from its creation on, a monitor is awaited."""
        made = self.watch(interval_s, grace_s)
        self.api.ping_well(made.key)
        return made

    def begin(self) -> None:
        """Each pings from its creation on: on a slow machine, making them all takes longer than the first one waits."""
        for number in range(HEALTHY):
            made = self.watch(interval_s=1 + number % 2, grace_s=1)
            self.healthy.append(made)
            self.fleet.add(Job(made.key, EVERY_S))

    def play(self, name: str, moment: str) -> None:
        """One round.

        1. Some monitors ping once and fall silent. 2. Each silence is told. 3. They come back, and that is told.
        4. They are paused, out of the way. The kill comes around the verdict, in the middle of telling it, or when
        they return.
        """
        until(lambda: self.fleet.rate() >= LEAST_RATE, 20, f"{LEAST_RATE} pings a second are answered")
        silent = [self.watch_and_ping(*limits) for limits in SILENT]
        self.silent += silent
        if moment == "verdict":
            self.kill(name, wall_ms() + self.dice.choice(silent).limit_ms + self.dice.uniform(-400, 200))
        elif moment == "telling":
            told = self.dice.choice(silent)
            until(lambda: self.receiver.of(told.id), TOLD_WITHIN_S, "a call under way")
            self.kill(name, wall_ms() + self.dice.uniform(0, 1.5 * ANSWER_S * 1000))
        self.wait_for(silent, "monitor.down")
        self.fleet.add(*(one.job for one in silent), phase_s=0)
        if moment == "return":
            self.kill(name, wall_ms() + self.dice.uniform(0, 150))
        self.wait_for(silent, "monitor.up")
        for one in silent:
            self.api.pause(one.id)
            self.fleet.silence(one.job)

    def kill(self, name: str, moment_ms: float) -> None:
        """Kill a process at a moment, and wait until all is well again."""
        pid = self.house.pid(name)
        at(moment_ms)
        self.kills_ms.append(wall_ms())
        self.house.kill_and_wait(name, pid)

    def wait_for(self, silent: list[Watched], kind: str) -> None:
        for one in silent:
            until(lambda: self.receiver.of(one.id, kind), TOLD_WITHIN_S, f"{kind} of {one.id}")  # noqa: B023

    def end(self) -> None:
        """Wait until nothing more can come, and look at what everything must have in common."""
        for one in self.healthy:
            self.api.pause(one.id)
        self.fleet.silence(*(Job(one.key, EVERY_S) for one in self.healthy))
        self.house.wait_until_quiet()
        assert self.fleet.wrong() == []
        assert doubled(self.house.data) == []
        assert self.receiver.flaws() == []
        for one in self.healthy:
            assert self.api.incidents(one.id) == []
            assert self.receiver.of(one.id) == []

    def repeats(self) -> int:
        """How many calls told something that had been told already."""
        calls = self.receiver.calls[self._calls_before :]
        return len(calls) - len({one.id for one in calls})

    def assert_each_silence_was_told(self) -> None:
        """One incident each; its down and its up under one id each, in that order."""
        for one in self.silent:
            incidents = self.api.incidents(one.id)
            assert len(incidents) == 1, (incidents, self.api.pings(one.id))
            incident = incidents[0]
            calls = self.receiver.of(one.id)
            assert {call.incident["id"] for call in calls} == {incident["id"]}
            assert list(dict.fromkeys(call.type for call in calls)) == ["monitor.down", "monitor.up"]
            assert len({call.id for call in calls}) == 2
            assert incident["endedAt"] is not None


@pytest.fixture
def scene(house: House, api: Api, receiver: Receiver, dice: random.Random) -> Iterator[Scene]:
    receiver.delay_s = ANSWER_S
    with pinging(house.port) as fleet:
        scene = Scene(house, api, receiver, fleet, dice)
        scene.begin()
        yield scene
    print(
        f"{len(scene.kills_ms)} kills, {len(fleet.good())} pings answered 200, {fleet.unanswered} not answered, "
        f"{len(scene.silent)} silences, {scene.repeats()} repeats, blind: "
        f"{sum(to_ms - from_ms for from_ms, to_ms in house.holes()) / 1000:.1f} s"
    )
    receiver.delay_s = 0.0


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("name", ["ingest", "sweeper", "recorder", "serve"])
def test_a_kill_loses_no_answered_ping_and_no_alert(scene: Scene, name: str, rounds: int) -> None:
    for number in range(rounds):
        if number and number % ROUNDS_A_START == 0 and name != "serve":
            assert scene.house.stop() == 0
            scene.house.start()
        scene.play(name, MOMENTS[number % len(MOMENTS)])
    scene.end()

    assert len(scene.kills_ms) == rounds
    assert missing(scene.house.data, scene.fleet.good()) == []
    scene.assert_each_silence_was_told()
    # Ingest and recorder deliver nothing: their death repeats nothing. A sweeper has attempts under way.
    assert scene.repeats() <= (rounds * ATTEMPTS_AT_ONCE if name in {"sweeper", "serve"} else 0)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_kill_of_valkey_loses_at_most_its_fsync_window_and_raises_no_false_alarm(
    scene: Scene, rounds: int
) -> None:
    for number in range(rounds):
        if number and number % ROUNDS_A_START == 0:
            assert scene.house.stop() == 0
            scene.house.start()
        before = len(scene.fleet.good())
        until(lambda: scene.fleet.rate() >= LEAST_RATE, 20, f"{LEAST_RATE} pings a second are answered")
        scene.kill("valkey", wall_ms() + scene.dice.uniform(0, 1000))
        until(lambda: len(scene.fleet.good()) > before, 20, "pings are answered again")  # noqa: B023
    # Whoever has to fear a false alarm has no longer limit than this one, which dies now.
    sentinel = scene.watch(interval_s=2, grace_s=1)
    scene.wait_for([sentinel], "monitor.down")
    scene.end()

    lost = missing(scene.house.data, scene.fleet.good())
    print(f"{len(lost)} pings were lost in the fsync window")
    for ping in lost:
        assert any(0 <= kill_ms - ping.answered_ms <= FSYNC_WINDOW_MS for kill_ms in scene.kills_ms), ping
