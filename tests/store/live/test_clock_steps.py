"""Redis' clock is stepped, or stands still: no false alarm, nobody is forgotten, and all goes on by itself."""

from __future__ import annotations

import pytest

from store.live.delivering import deliver, lease
from tests.stage import START_MS, Stage, config_of

STEPS_S = [1, 90, 3600, -1, -90, -3600]
INTERVALS_S = (2, 10, 60, 90)
DEAD, DEAD_INTERVAL_S = 99, 30
GRACE_S = 1


class Fleet:
    """Jobs that ping on time by a clock that is never stepped, and one that died before."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.passed_s = 0
        self.told: list[tuple[str, int]] = []

    async def begin(self) -> None:
        for number, interval_s in enumerate(INTERVALS_S, start=1):
            await self.stage.put(config_of(number, interval_s, GRACE_S))
        await self.stage.put(config_of(DEAD, DEAD_INTERVAL_S, GRACE_S))
        await self.stage.ping(*range(1, len(INTERVALS_S) + 1), DEAD)

    async def live(self, seconds: int, frozen: bool = False) -> list[tuple[str, int]]:
        """So much time passes, by the clock of the jobs; what is told meanwhile."""
        told: list[tuple[str, int]] = []
        for _ in range(seconds):
            self.passed_s += 1
            await self.stage.move_to((self.stage.now_ms - START_MS) / 1000 + 1)
            if frozen:
                await self.stage.step_clock(-1)
            due = [n for n, every_s in enumerate(INTERVALS_S, start=1) if self.passed_s % every_s == 0]
            await self.stage.sweep()
            await self.stage.ping(*due, at=self.stage.writer.clock.now_ms() / 1000 - START_MS / 1000)
            await self.stage.sweep()
            told += [(kind, number) for kind, number, _ in await self.stage.told()]
        return told


@pytest.fixture
async def fleet(stage: Stage) -> Fleet:
    fleet = Fleet(stage)
    await fleet.begin()
    return fleet


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_a_step_of_the_clock_alarms_nobody_who_pings_and_forgets_nobody_who_does_not(
    fleet: Fleet, step_s: int
) -> None:
    assert await fleet.live(10) == []
    await fleet.stage.step_clock(step_s)
    assert await fleet.live(DEAD_INTERVAL_S) == []
    assert await fleet.live(GRACE_S + 3) == [("down", DEAD)]
    assert await fleet.live(100) == []


async def test_a_step_forward_and_back_again_alarms_nobody(fleet: Fleet) -> None:
    assert await fleet.live(5) == []
    for step_s in (3600, -3600, -90, 90, 1, -1):
        await fleet.stage.step_clock(step_s)
        assert await fleet.live(5) == []
    assert await fleet.live(DEAD_INTERVAL_S + GRACE_S + 3) == [("down", DEAD)]
    assert await fleet.live(100) == []


async def test_while_the_clock_stands_still_nobody_is_judged_and_then_all_goes_on(fleet: Fleet) -> None:
    assert await fleet.live(5) == []
    assert await fleet.live(120, frozen=True) == []
    assert await fleet.live(DEAD_INTERVAL_S + GRACE_S + 3) == [("down", DEAD)]
    await fleet.stage.step_clock(120)
    assert await fleet.live(100) == []


@pytest.mark.parametrize("step_s", [0.6, 0.9])
async def test_a_step_that_is_too_short_to_leap_is_blind_by_the_word_of_the_writer(
    stage: Stage, step_s: float
) -> None:
    await stage.move_to(0.1)
    await stage.ping()
    await stage.step_clock(step_s)
    await stage.ping(heard=0.1)
    assert await stage.holes() == []
    await stage.ping()
    assert await stage.holes() == [(0.1, 0.1 + step_s)]


async def test_a_small_step_back_is_waited_out(stage: Stage) -> None:
    await stage.listen(until=10)
    await stage.step_clock(-0.4)
    before = await stage.holes()
    await stage.ping()
    assert (await stage.sweep()).watermark_ms == START_MS + 9_600
    assert await stage.holes() == before


async def test_a_clock_that_was_stepped_back_while_nobody_listened_is_noticed_by_who_registers(
    stage: Stage,
) -> None:
    await stage.put(config_of(1, 30, 10))
    await stage.listen(until=5000, step=500)
    await stage.ping(1)
    await stage.writer.deregister()
    await stage.move_to(1000)
    stage.writer = await stage.new_writer()
    assert (await stage.holes())[-1][1] == 1000

    await stage.sweep()
    assert await stage.deadline(1) == 1040
    state = await stage.state(1)
    assert state and state.base_ms <= stage.now_ms and state.seen_ms <= stage.now_ms


async def test_a_step_back_is_counted_among_the_tallies(stage: Stage) -> None:
    await stage.listen(until=200)
    await stage.step_clock(-100)
    await stage.ping()
    assert (await stage.live.tallies()).steps_back == len(stage.live.shards)


async def test_the_sweep_notices_a_step_back_when_the_writer_is_stuck_and_holds_the_clock(
    stage: Stage,
) -> None:
    await stage.listen(until=200)
    await stage.step_clock(-100)
    await stage.put(config_of(1, 10, 0))
    await stage.sweep()
    await stage.move_to(115)
    swept = await stage.sweep()
    assert swept.watermark_ms == START_MS + 100_000
    assert await stage.told() == []


async def test_a_delivery_that_waits_does_not_wait_for_the_former_time(stage: Stage) -> None:
    await stage.put(config_of(1, 10, 0))
    await stage.channels(1)
    await stage.listen(until=4000)
    await stage.sweep()
    await deliver(stage.shard, 10)
    [first] = (await lease(stage.shard, 10, 5000, [])).leases
    await stage.step_clock(-3600)
    await stage.ping()

    assert (await lease(stage.shard, 10, 5000, [])).leases == []
    await stage.move_to(400 + 5.5)
    [again] = (await lease(stage.shard, 10, 5000, [])).leases
    assert again.delivery_id == first.delivery_id


async def test_a_plan_refuses_nobody_for_a_ping_that_lies_in_the_future(stage: Stage) -> None:
    from_the_future = config_of(1, 10, 0)
    await stage.put(from_the_future)
    await stage.move_to(1)
    await stage.ping(1)
    await stage.step_clock(-3600)
    await stage.ping(1)
    state = await stage.state(1)
    assert state and state.recorded_ms == state.base_ms == stage.now_ms


async def test_a_walk_over_many_monitors_goes_by_pages_and_reaches_all(stage: Stage) -> None:
    for number in range(1, 1101):
        await stage.put(config_of(number, 30, 10))
    await stage.listen(until=5)
    everybody = range(1, 1101)
    for first in range(1, 1101, 275):
        await stage.ping(*everybody[first - 1 : first + 274])
    await stage.step_clock(-3600)

    calls = 0
    while (await stage.sweep()).looked_at == 256:
        calls += 1
    assert calls >= 3
    scores = await stage.redis.zrange(stage.shard.keys.deadlines, 0, -1, withscores=True)
    assert {score for _, score in scores} == {stage.now_ms + 40_000}
