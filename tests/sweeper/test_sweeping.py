"""The sweep's step: how much it does, how long it says to wait, and what it says when nobody listens."""

from __future__ import annotations

import asyncio
import logging

import pytest
from prometheus_client import REGISTRY

from store.errors import GenerationMissing
from sweeper import sweeping
from sweeper.sweeping import HELD_LOOK_EVERY_S, LOOK_EVERY_S, SHORTEST_WAIT_S, Sweep
from tests.stage import Stage, config_of


def sample(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def sweep_of(stage: Stage) -> Sweep:
    """One whose machine's own time goes on as the test says, and is never stepped."""
    return Sweep(stage.shard, lambda: stage.now_ms - stage.stepped_ms)


async def test_a_full_step_says_that_there_may_be_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "DEADLINES_AT_ONCE", 3)
    for number in range(1, 6):
        await stage.put(config_of(number))
    await stage.listen(until=41)
    sweep = Sweep(stage.shard)
    assert await sweep.step() == 0.0
    assert len(await stage.told()) == 3
    assert await sweep.step() > 0
    assert len(await stage.told()) == 2


@pytest.mark.parametrize(
    ("second", "wait_s"),
    [(0, LOOK_EVERY_S), (39.5, LOOK_EVERY_S), (39.95, 0.05), (39.999, SHORTEST_WAIT_S)],
)
async def test_it_waits_until_the_next_deadline_and_a_quarter_of_a_second_at_most(
    stage: Stage, second: float, wait_s: float
) -> None:
    await stage.put(config_of(1))
    await stage.listen(until=second)
    assert await Sweep(stage.shard).step() == pytest.approx(wait_s)


async def test_without_monitors_it_looks_four_times_a_second(stage: Stage) -> None:
    assert await Sweep(stage.shard).step() == LOOK_EVERY_S


async def test_a_deadline_that_the_watermark_is_about_to_reach_is_looked_at_soon(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.listen(until=39.9)
    await stage.move_to(40.05)
    assert await Sweep(stage.shard).step() == SHORTEST_WAIT_S


async def test_while_the_clock_is_held_it_does_not_look_more_often(stage: Stage) -> None:
    await stage.put(config_of(1))
    await stage.listen(until=39)
    await stage.move_to(41)
    assert await Sweep(stage.shard).step() == HELD_LOOK_EVERY_S


async def test_a_stuck_writer_is_reported_once_after_ten_seconds_and_once_when_it_is_heard_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sweeper.sweeping")
    sweep = sweep_of(stage)
    await stage.listen(until=10)
    for second in (15.0, 20.0):
        await stage.move_to(second)
        await sweep.step()
    assert caplog.messages == []
    assert sample("overdue_clock_held") == 0
    for second in (20.5, 30.0, 60.0):
        await stage.move_to(second)
        await sweep.step()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "the writer main-0 is stuck or gone; end its process" in caplog.text
    assert "`overdue writers drop main-0`" in caplog.text
    assert sample("overdue_clock_held") == 1
    await stage.ping()
    await sweep.step()
    await sweep.step()
    assert caplog.messages[1:] == ["shard 0: silence is judged again"]
    assert sample("overdue_clock_held") == 0


async def test_a_step_forward_of_the_clock_accuses_no_writer_that_is_well(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = sweep_of(stage)
    await stage.listen(until=10)
    await sweep.step()
    await stage.step_clock(3600)
    for second in (3610.0, 3610.1, 3610.25):
        await stage.move_to(second)
        assert await sweep.step() == HELD_LOOK_EVERY_S
    assert sample("overdue_clock_held") == 0
    await stage.ping()
    for _ in range(2):
        await sweep.step()
    await stage.listen(until=3620)
    await sweep.step()
    assert [one.getMessage() for one in caplog.records if one.name == "sweeper.sweeping"] == []


async def test_a_writer_that_says_nothing_after_a_step_of_the_clock_is_reported_soon(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = sweep_of(stage)
    await stage.listen(until=10)
    await sweep.step()
    await stage.step_clock(3600)
    for second in (3611.9, 3612.0, 3613.0):
        await stage.move_to(second)
        await sweep.step()
    assert caplog.messages == []
    await stage.move_to(3613.95)
    await sweep.step()
    assert "no verdict for 3603 s" in caplog.text
    assert sample("overdue_clock_held") == 1


@pytest.mark.parametrize(
    ("unreadable", "said"),
    [(False, "no ingest process listens"), (True, "the writer main-0 is stuck or gone")],
)
async def test_that_no_writer_listens_at_all_is_reported_too(
    stage: Stage, caplog: pytest.LogCaptureFixture, unreadable: bool, said: str
) -> None:
    sweep = sweep_of(stage)
    await stage.listen(until=10)
    await sweep.step()
    await stage.writer.deregister()
    if unreadable:
        await stage.redis.hset(stage.shard.keys.writers, "main-0", b"short")
    await stage.move_to(20)
    assert await sweep.step() == HELD_LOOK_EVERY_S
    assert caplog.messages == []
    await stage.move_to(20.5)
    await sweep.step()
    assert said in caplog.text
    assert sample("overdue_sweep_lag_seconds") == 10.5


async def test_a_sweeper_that_has_never_seen_a_writer_counts_from_its_first_look(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.writer.deregister()
    sweep = sweep_of(stage)
    await stage.move_to(100)
    await sweep.step()
    await stage.move_to(110)
    await sweep.step()
    assert caplog.messages == []
    await stage.move_to(111)
    await sweep.step()
    assert len(caplog.messages) == 1


async def test_delay_lag_and_writers_are_measured(stage: Stage) -> None:
    for number in (1, 2):
        await stage.put(config_of(number))
    await stage.listen(until=40.5)
    await stage.move_to(41)
    before = [sample(f"overdue_detection_delay_seconds_{part}") for part in ("count", "sum")]
    await Sweep(stage.shard).step()
    count, total = (sample(f"overdue_detection_delay_seconds_{part}") for part in ("count", "sum"))
    assert count - before[0] == 2
    assert total - before[1] == pytest.approx(2.0)
    assert sample("overdue_sweep_lag_seconds") == 0.5
    assert sample("overdue_writers") == 1


async def test_several_sweeps_at_once_declare_each_monitor_down_once(stage: Stage) -> None:
    for number in range(1, 61):
        await stage.put(config_of(number))
    await stage.listen(until=41)
    sweeps = [Sweep(stage.shard) for _ in range(3)]
    await asyncio.gather(*(sweep.step() for sweep in sweeps for _ in range(3)))
    told = await stage.told()
    assert sorted(told) == [("down", number, 40) for number in range(1, 61)]


async def test_an_empty_redis_is_an_error_and_no_verdict(stage: Stage) -> None:
    await stage.redis.delete(stage.shard.keys.generation)
    with pytest.raises(GenerationMissing):
        await Sweep(stage.shard).step()
