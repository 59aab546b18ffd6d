"""A house under load in which rounds are played: some fall silent, a fault strikes, all is told, they come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from store.clock import wall_ms
from store.fault_points import VARIABLE
from tests.chaos.again import is_unended
from tests.chaos.builds import Build
from tests.chaos.company import Company, keeping_company, prepare
from tests.chaos.faults import Fault
from tests.chaos.jobs import Jobs, Watched, patiently
from tests.chaos.judge import Judge
from tests.chaos.looks import Looks
from tests.chaos.records import Records
from tests.chaos.strike import Striker, Strikes
from tests.chaos.trouble import Trouble
from tests.system.api import Api
from tests.system.fleet import Fleet, Job, pinging
from tests.system.house import House, keeping_house
from tests.system.receiver import Receiver, receiving
from tests.system.waiting import until

HEALTHY, EVERY_S = 12, 0.1
# Interval and grace in seconds of those who fall silent: a second apart, so that their calls do not overlap.
SILENT = ((1, 0), (1, 1), (2, 1))
# The history has to know of them before Redis is emptied, or nobody could tell which silence is which. And where the
# answer to their making is lost, they are awaited before anybody knows their keys.
SILENT_LATER = ((5, 0), (5, 1), (6, 1))
ANSWER_S = 0.03
# A hole moves a deadline, and `serve` waits up to ten seconds before it starts a part that dies again and again.
TOLD_WITHIN_S = 45.0
MOST_DEATHS = 3


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a round."""

    number: int
    fault: Fault
    kills: int
    took_ms: int
    answered: int
    refused: int
    lost: int
    repeats: int
    unended: int
    wrong: list[str]


class Scene:
    """The house, who pings, who is told, and who judges."""

    def __init__(
        self,
        house: House,
        api: Api,
        jobs: Jobs,
        receiver: Receiver,
        fleet: Fleet,
        company: Company,
        striker: Strikes,
    ) -> None:
        self.house = house
        self.api = api
        self.jobs = jobs
        self.receiver = receiver
        self.fleet = fleet
        self.striker = striker
        # Each pings from its creation on: on a slow machine, making them all takes longer than the first one waits.
        self.healthy = []
        for number in range(HEALTHY):
            self.healthy.append(self.jobs.make(1 + number % 2, 1, "healthy"))
            fleet.add(Job(self.healthy[-1].key, EVERY_S))
        self.measured = self.jobs.make(86_400, 60, "measured")
        self._add_rule()
        records = Records(house.data)
        self.trouble = Trouble(company, records)
        looks = Looks(house, api, jobs, fleet, company, records, self.trouble, self.healthy, self.measured)
        self.judge = Judge(house, api, receiver, records, looks, company, self.measured)
        self._deaths = 0

    def play(self, number: int, fault: Fault) -> Round:
        """One round.

        1. Three ping once and fall silent, while a fault lies in wait or strikes. 2. Each silence is told, and
        the breach of a rule. 3. They come back, and that is told. 4. All is well again; everything is looked at.
        """
        self._calm_down()
        began_ms, kills_before = wall_ms(), self.striker.kills
        losses_before = len(self.striker.losses)
        self.judge.begin_round()
        silent = self._fall_silent(fault)
        self.jobs.measure(self.measured, 100)
        self.trouble.begin()
        self._wait_for(silent, "monitor.down")
        self.jobs.measure(self.measured, 1)
        self._come_back(silent, losses_before)
        self.striker.wait_until_over(fault)
        self.house.wait_until_ready()
        self.trouble.end(self.striker.losses[losses_before:])
        if fault.may_lose:  # perhaps the ends as well
            self._come_back(silent, losses_before)
            self.jobs.measure(self.measured, 1)
        kills = self.striker.kills - kills_before
        self._deaths += 0 if fault.weather else kills
        verdict = self.judge.end_round(silent, fault, kills, self.striker.losses[losses_before:])
        for one in silent:
            self.jobs.delete(one)
        return Round(number=number, fault=fault, kills=kills, took_ms=wall_ms() - began_ms, **verdict)

    def server(self) -> str:
        """What is really embedded, as it says itself."""
        with self.house.redis() as client:
            told = client.info("server")
        name = "valkey" if "valkey_version" in told else "redis"
        return f"{name} {told.get('valkey_version') or told['redis_version']}"

    def _fall_silent(self, fault: Fault) -> list[Watched]:
        """The fault lies in wait before they are made, if making is what it waits for."""
        is_made_under_fire = fault.at.startswith("config.")
        if is_made_under_fire:
            self.striker.strike(fault)
        limits = SILENT_LATER if fault.empties_redis or is_made_under_fire else SILENT
        silent = [self._made_and_pinged(*one) for one in limits]
        if fault.empties_redis:
            self._wait_until_recorded(silent)
        if not is_made_under_fire:
            self.striker.strike(fault)
        return silent

    def _made_and_pinged(self, interval_s: int, grace_s: int) -> Watched:
        """At once: from its creation on it is awaited, and where others go on listening it would be called down."""
        one = self.jobs.make(interval_s, grace_s)
        self.jobs.ping(one)
        return one

    def _come_back(self, silent: list[Watched], losses_before: int) -> None:
        """One after the other, so that their calls do not overlap; then they are out of the way."""
        for one in silent:
            self.jobs.resume(one)
            self.fleet.add(Job(one.key, EVERY_S), phase_s=0)
            until(
                lambda: self.receiver.of(one.id, "monitor.up") or self._is_unended(one, losses_before),  # noqa: B023
                TOLD_WITHIN_S,
                f"monitor.up of {one.id}",
            )
            self.jobs.pause(one)
            self.fleet.silence(Job(one.key, EVERY_S))

    def _is_unended(self, one: Watched, losses_before: int) -> bool:
        """Nobody knows of its silence any more but the receiver, and it pings: no end will be told."""
        if not is_unended(self.receiver.of(one.id), self.striker.losses[losses_before:]):
            return False
        return patiently(lambda: self.api.status(one.id) == "up" and not self.api.incidents(one.id), "a look")

    def _calm_down(self) -> None:
        """After some deaths `serve` waits long before it starts a part again; a clean start makes it forget."""
        if self._deaths >= MOST_DEATHS:
            assert self.house.stop() == 0
            self.house.start()
            self._deaths = 0

    def _wait_for(self, silent: list[Watched], kind: str) -> None:
        for one in silent:
            until(lambda: self.receiver.of(one.id, kind), TOLD_WITHIN_S, f"{kind} of {one.id}")  # noqa: B023

    def _wait_until_recorded(self, silent: list[Watched]) -> None:
        for one in silent:
            until(lambda: self.api.pings(one.id), TOLD_WITHIN_S, "a ping is recorded")  # noqa: B023

    def _add_rule(self) -> None:
        (channel,) = self.api.get("/api/channels")["channels"]
        rule = {"metricKey": "load", "operator": ">", "threshold": 10, "channelId": channel["id"]}
        self.api.post(f"/api/monitors/{self.measured.id}/metric-alerts", rule | {"consecutiveTriggers": 1})


@contextmanager
def opened(folder: Path, build: Build) -> Iterator[Scene]:
    """A scene in a house of its own."""
    fault_file = folder / "fault"
    prepare(folder)
    with (
        receiving() as receiver,
        keeping_house(folder, **build.settings(folder), **{VARIABLE: str(fault_file)}) as house,
        pinging(house.port) as fleet,
    ):
        api = Api(house.url)
        receiver.secret = api.channel(receiver.url)["secret"]
        receiver.delay_s = ANSWER_S
        striker = Striker(house, api, fault_file)
        try:
            with keeping_company(house, api) as company:
                yield Scene(house, api, Jobs(api), receiver, fleet, company, striker)
        finally:
            striker.close()
            api.close()
