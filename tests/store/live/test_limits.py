"""Plans limit what is recorded, never what counts as a sign of life."""

from __future__ import annotations

import pytest

from store.live.heads import Outcome
from store.projection import PutPlan
from tests.stage import ORG, Stage, config_of


async def put_plan(stage: Stage, *, min_interval_s: int = 0, per_minute: int = 0, version: int = 1) -> None:
    await stage.live.project(PutPlan(ORG, version, min_interval_s, per_minute))


async def test_without_a_plan_nothing_is_limited(stage: Stage) -> None:
    await stage.put(config_of(1))
    assert await stage.ping(*[1] * 50) == [Outcome.RECORDED] * 50


async def test_a_ping_too_soon_after_the_last_recorded_one_is_limited_and_told_how_long(stage: Stage) -> None:
    await stage.put(config_of(1, 3600, 60))
    await put_plan(stage, min_interval_s=600)
    assert await stage.ping(1) == [Outcome.RECORDED]
    await stage.listen(until=100, step=50)
    assert await stage.ping(1) == [Outcome.LIMITED]
    assert stage.waits_s == [470]


async def test_a_limited_ping_moves_the_deadline_but_leaves_no_history(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await put_plan(stage, min_interval_s=600)
    await stage.ping(1)
    await stage.listen(until=20)
    before = await stage.redis.xlen(stage.shard.keys.pings)
    await stage.ping(1)
    assert await stage.deadline(1) == 60
    assert await stage.redis.xlen(stage.shard.keys.pings) == before


async def test_a_limited_ping_ends_a_down(stage: Stage) -> None:
    await stage.put(config_of(1, 30, 10))
    await put_plan(stage, min_interval_s=600)
    await stage.ping(1)
    await stage.listen(until=41)
    await stage.sweep()
    assert await stage.ping(1) == [Outcome.LIMITED]
    assert [kind for kind, _, _ in await stage.told()] == ["down", "up"]


async def test_limited_pings_do_not_push_the_next_recorded_one_away(stage: Stage) -> None:
    await stage.put(config_of(1, 60, 60))
    await put_plan(stage, min_interval_s=60)
    await stage.ping(1)
    outcomes = []
    for second in range(10, 70, 10):
        await stage.listen(until=second)
        outcomes += await stage.ping(1)
    assert outcomes == [Outcome.LIMITED] * 5 + [Outcome.RECORDED]


@pytest.mark.parametrize(("after_s", "outcome"), [(57, Outcome.RECORDED), (56.9, Outcome.LIMITED)])
async def test_five_percent_of_jitter_are_forgiven(stage: Stage, after_s: float, outcome: Outcome) -> None:
    await stage.put(config_of(1, 60, 60))
    await put_plan(stage, min_interval_s=60)
    await stage.ping(1)
    await stage.listen(until=after_s)
    assert await stage.ping(1) == [outcome]


async def test_two_pings_of_one_monitor_in_a_batch_are_judged_in_order(stage: Stage) -> None:
    await stage.put(config_of(1, 60, 60))
    await put_plan(stage, min_interval_s=60)
    assert await stage.ping(1, 1) == [Outcome.RECORDED, Outcome.LIMITED]


async def test_an_organisation_has_so_many_pings_a_minute(stage: Stage) -> None:
    for monitor_id in (1, 2, 3):
        await stage.put(config_of(monitor_id))
    await put_plan(stage, per_minute=4)
    await stage.move_to(10)
    assert await stage.ping(1, 2, 3) == [Outcome.RECORDED] * 3
    assert await stage.ping(1, 2, 3) == [Outcome.RECORDED, Outcome.LIMITED, Outcome.LIMITED]
    # START_MS is a whole minute plus this many seconds.
    seconds_left = 60 - (stage.now_ms // 1000) % 60
    assert stage.waits_s == [seconds_left, seconds_left]
    await stage.listen(until=10 + seconds_left)
    assert await stage.ping(1) == [Outcome.RECORDED]


async def test_a_sign_of_life_alone_uses_nothing_up(stage: Stage) -> None:
    await stage.put(config_of(1))
    await put_plan(stage, min_interval_s=60, per_minute=1)
    assert await stage.ping(1, life_only=True) == [Outcome.ALIVE]
    assert await stage.ping(1) == [Outcome.RECORDED]
    assert await stage.ping(1, life_only=True) == [Outcome.ALIVE]


async def test_a_batch_sent_again_is_limited_as_before_and_counted_once(stage: Stage) -> None:
    await stage.put(config_of(1))
    await put_plan(stage, per_minute=2)
    first = await stage.ping(1, 1, 1)
    first_waits = stage.waits_s
    stage.writer._sequence -= 1
    assert await stage.ping(1, 1, 1) == first == [Outcome.RECORDED, Outcome.RECORDED, Outcome.LIMITED]
    assert stage.waits_s == first_waits


async def test_a_better_plan_counts_at_once_and_an_older_one_is_ignored(stage: Stage) -> None:
    await stage.put(config_of(1))
    await put_plan(stage, min_interval_s=600)
    await stage.ping(1)
    assert await stage.ping(1) == [Outcome.LIMITED]
    await put_plan(stage, version=3)
    await put_plan(stage, min_interval_s=600, version=2)
    assert await stage.ping(1) == [Outcome.RECORDED]


async def test_a_paused_monitor_is_limited_too_and_its_deadline_stays_away(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.put(config_of(1, version=2, paused=True))
    await put_plan(stage, min_interval_s=600)
    assert await stage.ping(1, 1) == [Outcome.PAUSED, Outcome.LIMITED]
    await stage.listen(until=100, step=50)
    assert await stage.ping(1) == [Outcome.LIMITED]
    assert await stage.deadline(1) is None


async def test_pings_of_a_paused_monitor_count_against_the_minute(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.put(config_of(1, version=2, paused=True))
    await put_plan(stage, per_minute=2)
    assert await stage.ping(1, 1, 1) == [Outcome.PAUSED, Outcome.PAUSED, Outcome.LIMITED]
