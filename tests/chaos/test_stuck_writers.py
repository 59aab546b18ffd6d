"""One of four that listen is slow, forgotten, frozen for two minutes, or gone for good: in real time.

The clock of verdicts holds, loudly; nobody who pings on schedule is called dead; and an operator can let it go on.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from store.clock import wall_ms
from tests.chaos.by_hand import valkey_on_its_own
from tests.chaos.four_doors import NODES, FourDoors, four_doors
from tests.chaos.weather import Sky, under_the_sky
from tests.system.api import Api, Json
from tests.system.fleet import Fleet, Job, pinging
from tests.system.house import COMMAND
from tests.system.receiver import Receiver, receiving
from tests.system.test_supervision import stopped
from tests.system.waiting import at, until

pytestmark = pytest.mark.slow

DELAYED_S, FROZEN_S, GONE_S = 60, 120, 20
ALARM_S, TOLD_S = 15.0, 20.0
# Pinged through all four, as behind a load balancer; and through the stuck one alone, as by a client that stays.
HEALTHY, STICKY, EVERY_S = 8, 2, 0.4
SLOW, FROZEN, GONE = "east", "south", "west"


class Scene:
    """A house of four doors with its fleets, and who is told."""

    def __init__(
        self, house: FourDoors, api: Api, receiver: Receiver, sky: Sky, fleets: dict[str, Fleet]
    ) -> None:
        self.house = house
        self.api = api
        self.receiver = receiver
        self.sky = sky
        self.healthy: list[str] = []
        for _ in range(HEALTHY):
            self._add_healthy(*fleets.values())
        for node in (SLOW, FROZEN):
            for _ in range(STICKY):
                self._add_healthy(fleets[node])
        self._heard = 0

    def _add_healthy(self, *fleets: Fleet) -> None:
        made = self.api.monitor(interval_s=2, grace_s=1, name="healthy")
        self.healthy.append(made["id"])
        for fleet in fleets:
            fleet.add(Job(made["key"], EVERY_S), phase_s=0)

    def dying(self) -> dict[int, Json]:
        """One in each shard that is never heard of."""
        found: dict[int, Json] = {}
        while len(found) < len(self.house.shards):
            made = self.api.monitor(interval_s=1, grace_s=0, name="dying")
            shard = self.house.shard_of(made["id"])
            if shard in found:
                self.api.delete(f"/api/monitors/{made['id']}")
            found.setdefault(shard, made)
        return found

    def is_told(self, monitor: Json) -> bool:
        return bool(self.receiver.of(monitor["id"], "monitor.down"))

    def wait_until_told(self, *monitors: Json) -> None:
        for one in monitors:
            until(lambda: self.is_told(one), TOLD_S, "a silence is told")  # noqa: B023
            self.api.pause(one["id"])

    def begin(self) -> None:
        self._heard = len(self.house.said())

    def wait_for_alarm(self, *words: str) -> None:
        """Within fifteen seconds the log says who holds which shard."""
        until(
            lambda: all(one in self.house.said()[self._heard :] for one in words),
            ALARM_S,
            f"an alarm: {words}",
        )

    def assert_nobody_is_called_dead(self) -> None:
        for one in self.healthy:
            assert self.receiver.of(one) == []
            assert self.api.incidents(one) == []


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("doors")
    with ExitStack() as stack:
        redis_url = stack.enter_context(valkey_on_its_own())
        sky = stack.enter_context(under_the_sky(redis_url, folder))
        receiver = stack.enter_context(receiving())
        house = stack.enter_context(four_doors(folder, redis_url, **{SLOW: sky.proxy.url}))
        fleets = {node: stack.enter_context(pinging(house.ports[node])) for node in NODES}
        api = stack.enter_context(closing(Api(house.url)))
        receiver.secret = api.channel(receiver.url)["secret"]
        yield Scene(house, api, receiver, sky, fleets)


@pytest.fixture(autouse=True)
def nobody_is_called_dead(scene: Scene) -> Iterator[None]:
    scene.begin()
    yield
    scene.assert_nobody_is_called_dead()


def held(shard: int) -> str:
    return f"shard {shard}: no verdict for 10 s"


def test_a_registry_that_is_deleted_is_written_again_and_the_other_shard_is_not_concerned(
    scene: Scene,
) -> None:
    with scene.house.redis() as client:
        client.delete(scene.house.shards[0].writers)
    began_ms = wall_ms()
    dying = scene.dying()
    until(lambda: len(scene.house.holders(0)) == len(NODES), ALARM_S, "all are registered again")
    scene.wait_until_told(dying[1], dying[0])
    assert wall_ms() - began_ms < ALARM_S * 1000


def test_commits_that_take_a_minute_hold_one_shard_and_the_other_goes_on(scene: Scene) -> None:
    proxy = scene.sky.proxy
    proxy.delays, proxy.delay_s = b"{0}", DELAYED_S
    began_ms = wall_ms()
    dying = scene.dying()
    scene.wait_until_told(dying[1])
    scene.wait_for_alarm(held(0), f"the writer {SLOW}-0 is stuck or gone")
    at(began_ms + DELAYED_S * 1000)
    assert not scene.is_told(dying[0])
    assert held(1) not in scene.house.said()
    proxy.delay_s = 0.0
    scene.wait_until_told(dying[0])
    at(began_ms + (DELAYED_S + 5) * 1000)  # what was sent a minute ago has come by now


def test_one_that_is_frozen_for_two_minutes_holds_the_clock_and_goes_on_where_it_was(scene: Scene) -> None:
    pid = scene.house.pid_of(FROZEN)
    with stopped(pid):
        began_ms = wall_ms()
        dying = scene.dying()
        scene.wait_for_alarm(held(0), held(1), f"the writer {FROZEN}-0 is stuck or gone")
        at(began_ms + FROZEN_S * 1000)
        assert not any(map(scene.is_told, dying.values()))
    scene.wait_until_told(*dying.values())
    assert scene.house.pid_of(FROZEN) == pid
    assert len(scene.house.holders(0)) == len(NODES)


def test_one_that_is_gone_for_good_holds_the_clock_until_an_operator_releases_it(scene: Scene) -> None:
    scene.house.end_for_good(GONE)
    began_ms = wall_ms()
    dying = scene.dying()
    scene.wait_for_alarm(held(0), held(1), f"`overdue writers drop {GONE}-0`")
    at(began_ms + GONE_S * 1000)
    assert not any(map(scene.is_told, dying.values()))
    released = subprocess.run(
        [COMMAND[0], "writers", "drop", f"{GONE}-0"],
        env=scene.house.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert released.stdout.startswith(f"{GONE}-0 is released: it holds the clock no longer")
    scene.wait_until_told(*dying.values())
    assert len(scene.house.holders(0)) == len(NODES) - 1
