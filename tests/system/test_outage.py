"""Our own outage: whoever went on pinging on schedule is not called dead afterwards; whoever died meanwhile is.

Most of it on the real scripts with the clock in our hands; once for real, with everything stopped for two minutes.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from store.clock import wall_ms
from store.timestamps import rfc3339
from tests.stage import Stage, config_of
from tests.system.api import Api
from tests.system.fleet import Job, pinging
from tests.system.house import keeping_house
from tests.system.receiver import receiving
from tests.system.waiting import until

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
SWEEP_S = 1.0
LOST_S = 2
DYING = 5


class Watched(msgspec.Struct, frozen=True):
    """A monitor that pings at `phase_s` and then every `interval_s`."""

    id: int
    interval_s: int
    grace_s: int
    phase_s: int

    @property
    def limit_s(self) -> int:
        return self.interval_s + self.grace_s

    def is_due(self, second: int) -> bool:
        return second >= self.phase_s and (second - self.phase_s) % self.interval_s == 0


class Simulation:
    """Monitors on stage, second by second. `told` holds every event as (kind, monitor, second of the sweep)."""

    def __init__(self, stage: Stage, dice: random.Random, intervals_s: list[int]) -> None:
        self.dice = dice
        self.stage = stage
        self.second = 0
        self.told: list[tuple[str, int, int]] = []
        self.fleet = [
            Watched(
                number, interval_s, min(interval_s // 3, 600), self.dice.randrange(min(interval_s, MINUTE_S))
            )
            for number, interval_s in enumerate(intervals_s, start=1)
        ]
        self.alive = set(self.fleet)
        self._kept: dict[bytes, Any] = {}

    async def begin(self) -> None:
        for one in self.fleet:
            await self.stage.put(config_of(one.id, one.interval_s, one.grace_s))

    async def live(self, seconds: int) -> None:
        """Everything runs: pings come when they are due, and silence is judged every second."""
        for _ in range(seconds):
            self.second += 1
            await self.stage.move_to(self.second)
            await self.stage.ping(
                *(one.id for one in self.fleet if one in self.alive and one.is_due(self.second))
            )
            await self.stage.sweep()
            self.told += [(kind, one, self.second) for kind, one, _ in await self.stage.told()]

    async def keep(self) -> None:
        """What the disk of Redis holds at this moment."""
        client = self.stage.live.client
        self._kept = {key: await client.dump(key) async for key in client.scan_iter("od:*")}

    async def fall_back(self) -> None:
        """Redis comes back with what its disk held."""
        client = self.stage.live.client
        await client.unlink(*[key async for key in client.scan_iter("od:*")])
        for key, blob in self._kept.items():
            await client.restore(key, 0, blob)

    async def outage(self, seconds: int, end: str) -> list[Watched]:
        """Everything is down, some monitors die meanwhile; those. `end` says how it went down."""
        if end == "power failure":
            await self.keep()
            await self.live(LOST_S)
        if end == "clean stop":
            await self.stage.writer.deregister()
        self.second += seconds
        dying = self.dice.sample(self.fleet, DYING)
        self.alive.difference_update(dying)
        await self.stage.move_to(self.second)
        if end == "power failure":
            await self.fall_back()
        self.stage.writer = await self.stage.new_writer()
        return dying


async def prove(stage: Stage, dice: random.Random, intervals_s: list[int], outage_s: int, end: str) -> None:
    """Live, go down, come up, and live on until the last bound has passed."""
    simulation = Simulation(stage, dice, intervals_s)
    await simulation.begin()
    await simulation.live(90)
    assert simulation.told == []

    dying = await simulation.outage(outage_s, end)
    up_again = simulation.second
    await simulation.live(max(one.limit_s for one in simulation.fleet) + 5)

    assert sorted((kind, one) for kind, one, _ in simulation.told) == sorted(
        ("down", one.id) for one in dying
    )
    told_at = {one: second for _, one, second in simulation.told}
    for one in dying:
        assert told_at[one.id] <= up_again + one.limit_s + SWEEP_S, one
    from_s, to_s = (await stage.holes())[-1]
    assert (round(to_s), round(to_s - from_s)) == (
        up_again,
        outage_s + (LOST_S if end == "power failure" else 0),
    )


ENDS = ("clean stop", "crash", "power failure")


@pytest.mark.parametrize("end", ENDS)
async def test_two_minutes_without_us_alarm_nobody_who_kept_pinging(
    stage: Stage, dice: random.Random, end: str
) -> None:
    await prove(stage, dice, [30] * 100, 2 * MINUTE_S, end)


@pytest.mark.parametrize("outage_s", [10, HOUR_S, DAY_S])
@pytest.mark.parametrize("end", ENDS)
async def test_so_it_is_with_short_and_long_outages_and_intervals(
    stage: Stage, dice: random.Random, outage_s: int, end: str
) -> None:
    await prove(stage, dice, [10, 15, 30, 60, 300] * 10, outage_s, end)


@pytest.mark.slow
@pytest.mark.parametrize("outage_s", [10, DAY_S])
async def test_so_it_is_with_intervals_up_to_a_day(stage: Stage, dice: random.Random, outage_s: int) -> None:
    await prove(stage, dice, [10, 60, 600, HOUR_S, 6 * HOUR_S, DAY_S] * 5, outage_s, "crash")


@pytest.mark.slow
def test_everything_is_really_stopped_for_two_minutes(tmp_path: Path) -> None:
    """The same with all processes, by the clock on the wall."""
    interval_s, grace_s, outage_s = 30, 10, 120
    with keeping_house(tmp_path) as house, receiving() as receiver, pinging(house.port) as fleet:
        api = Api(house.url)
        receiver.secret = api.channel(receiver.url)["secret"]
        ids = {made["key"]: made["id"] for made in (api.monitor(interval_s, grace_s) for _ in range(100))}
        jobs = [Job(key, interval_s) for key in ids]
        fleet.add(*jobs)
        until(lambda: len(fleet.good()) >= len(jobs), 2 * interval_s, "everybody has pinged")

        assert house.stop() == 0
        stopped_ms = wall_ms()
        dying = jobs[::20]
        fleet.silence(*dying)
        until(lambda: wall_ms() - stopped_ms >= outage_s * 1000, outage_s + 5, "two minutes have passed")
        house.start()
        (hole,) = [one for one in house.holes() if one[1] - one[0] > outage_s * 1000 / 2]

        bound_ms = hole[1] + (interval_s + grace_s) * 1000
        expected = {ids[one.key] for one in dying}
        until(lambda: len(receiver.calls) >= len(dying), interval_s + grace_s + 15, "five are told")
        until(lambda: wall_ms() > bound_ms + 5000, interval_s + grace_s + 15, "the last bound has passed")
        house.wait_until_quiet()

        assert {(one.type, one.monitor_id) for one in receiver.calls} == {
            ("monitor.down", one) for one in expected
        }
        assert len(receiver.calls) == len(dying)
        delays_ms = [one.at_ms - bound_ms for one in receiver.calls]
        print("told", *delays_ms, "ms after end of hole + interval + grace")
        assert max(delays_ms) <= SWEEP_S * 1000
        [unheard] = [one.told["data"] for one in receiver.unheard]
        assert (unheard["from"], unheard["to"]) == (rfc3339(hole[0]), rfc3339(hole[1]))
        assert unheard["monitors"]["count"] == len(jobs)
        assert unheard["from"] in [one["from"] for one in api.blind_times()]
        assert fleet.wrong() == []
        assert receiver.flaws() == []
        api.close()
