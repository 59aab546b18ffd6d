"""Over ten thousand monitors with intervals from ten seconds to a day, and everything is down: on the simulated clock.

Whoever goes on pinging on schedule afterwards is not called dead; ten that died meanwhile are, within the bound.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from store.live.heads import pack_head
from tests.servers import running_server, valkey_binary
from tests.stage import START_MS, Stage, config_of

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
FLEET, DYING = 10_100, 10
# How many of a hundred have which interval.
SHARES = {10: 1, MINUTE_S: 4, 10 * MINUTE_S: 20, HOUR_S: 30, 6 * HOUR_S: 25, DAY_S: 20}
SWEEP_EVERY_S = 5
PINGS_AT_ONCE = 500


class GreatFleet:
    """Who pings when: each job on its own schedule, which no outage moves."""

    def __init__(self, stage: Stage, dice: random.Random) -> None:
        self.stage = stage
        self.dice = dice
        self.second = 0
        self.told: list[tuple[str, int, int]] = []
        self.interval_s = [every_s for every_s, share in SHARES.items() for _ in range(FLEET * share // 100)]
        self.dead: set[int] = set()
        self._due: dict[int, list[int]] = defaultdict(list)

    def limit_s(self, number: int) -> int:
        return self.interval_s[number] + self.grace_s(number)

    def grace_s(self, number: int) -> int:
        return min(self.interval_s[number] // 3, 600)

    async def begin(self) -> None:
        for number, every_s in enumerate(self.interval_s):
            await self.stage.put(config_of(number + 1, every_s, self.grace_s(number)))
            self._due[self.dice.randrange(1, every_s + 1)].append(number)

    async def live(self, seconds: int) -> None:
        """Everything runs."""
        for _ in range(seconds):
            self.second += 1
            await self.stage.move_to(self.second)
            await self._ping(self._jobs_of_this_second())
            if self.second % SWEEP_EVERY_S == 0:
                while (await self.stage.sweep()).looked_at == 256:
                    pass
                self.told += [(kind, one - 1, self.second) for kind, one, _ in await self.stage.told()]

    async def outage(self, seconds: int) -> None:
        """Everything was killed; jobs go on, and nobody hears them. Some of them die."""
        self.dead = set(self.dice.sample(range(FLEET), DYING))
        for _ in range(seconds):
            self.second += 1
            self._jobs_of_this_second()
        await self.stage.move_to(self.second)
        self.stage.writer = await self.stage.new_writer()

    def _jobs_of_this_second(self) -> list[int]:
        jobs = [one for one in self._due.pop(self.second, ()) if one not in self.dead]
        for one in jobs:
            self._due[self.second + self.interval_s[one]].append(one)
        return jobs

    async def _ping(self, jobs: list[int]) -> None:
        head = pack_head(START_MS + self.second * 1000, 1, 1, 0)
        for first in range(0, max(1, len(jobs)), PINGS_AT_ONCE):
            ids = [b"%d" % (one + 1) for one in jobs[first : first + PINGS_AT_ONCE]]
            await self.stage.writer.record(ids, head * len(ids), b"", self.stage.now_ms)
        if self.second % MINUTE_S == 0:
            await self.stage.redis.delete(self.stage.shard.keys.pings)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """On the embedded Valkey alone: a day takes two minutes."""
    with running_server(valkey_binary()) as url:
        stage = Stage(url)
        await stage.open()
        yield stage
        await stage.close()


@pytest.mark.slow
@pytest.mark.parametrize("outage_s", [10, 2 * MINUTE_S, HOUR_S, DAY_S])
async def test_after_an_outage_ten_thousand_who_ping_alarm_nobody_and_ten_who_died_do(
    stage: Stage, dice: random.Random, outage_s: int
) -> None:
    fleet = GreatFleet(stage, dice)
    await fleet.begin()
    await fleet.live(2 * MINUTE_S)
    assert fleet.told == []
    await fleet.outage(outage_s)
    up_again = fleet.second

    await fleet.live(DAY_S + 600 + SWEEP_EVERY_S)

    assert sorted((kind, one) for kind, one, _ in fleet.told) == [("down", one) for one in sorted(fleet.dead)]
    for _, one, second in fleet.told:
        assert second <= up_again + fleet.limit_s(one) + SWEEP_EVERY_S, fleet.interval_s[one]
