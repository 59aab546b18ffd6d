"""The sweeper says that pings go unheard all the time: nobody can be declared down then, though no clock is held."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import REGISTRY

from sweeper.sweeping import Sweep
from tests.stage import Stage, config_of


def blind_now() -> float:
    return REGISTRY.get_sample_value("overdue_blind_now_seconds", {"shard": "0"}) or 0.0


async def refuse_until(stage: Stage, second: int, sweep: Sweep) -> None:
    """A ping is refused every second, and the rest is recorded; the sweeper looks after each."""
    for now in range((await latest(stage)) + 1, second + 1):
        await stage.move_to(now)
        stage.writer.confess(stage.now_ms)
        await stage.ping()
        await sweep.step()


async def latest(stage: Stage) -> int:
    seconds, _ = await stage.live.states([])
    return (seconds - 1_800_000_000_000) // 1000


async def test_it_is_reported_once_within_fifteen_seconds_and_once_when_it_is_over(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sweeper")
    sweep = Sweep(stage.shard)
    await stage.put(config_of(1, 5, 0))
    # One that is over: it is not the one that goes on.
    await refuse_until(stage, 2, sweep)
    await stage.listen(until=20)
    await refuse_until(stage, 30, sweep)
    assert caplog.messages == []
    await refuse_until(stage, 35, sweep)
    [alarm] = caplog.records
    assert alarm.levelno == logging.ERROR
    assert "shard 0: pings go unheard for 11 s and it goes on, so nobody is declared down" in caplog.text
    await refuse_until(stage, 80, sweep)
    assert len(caplog.records) == 1
    assert blind_now() == 60
    await stage.listen(until=82)
    await sweep.step()
    await sweep.step()
    assert caplog.messages[1:] == ["shard 0: pings are heard again"]
    assert blind_now() == 0


async def test_an_outage_that_is_over_is_no_alarm(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sweeper")
    sweep = Sweep(stage.shard)
    await stage.move_to(60)
    await stage.ping()
    assert await stage.holes() == [(0, 60)]
    for _ in range(6):
        await sweep.step()
        now = await latest(stage)
        await stage.listen(until=now + 1)
    assert caplog.messages == []
    assert blind_now() == 0


async def test_an_alarm_does_not_end_because_nobody_listens_any_more(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sweeper.deafness")
    sweep = Sweep(stage.shard)
    await refuse_until(stage, 20, sweep)
    await stage.writer.deregister()
    await sweep.step()
    assert len(caplog.messages) == 1
