"""Pings of monitors with rules that come late, at the last moment or out of order: judged as those of all others are."""

from __future__ import annotations

import pytest

from store.beat import Signal
from store.monitor_rules import MonitorRules
from tests.stage import Stage, config_of

# Due 40 s after the last sign of life, as without rules.
RULED = MonitorRules(max_runtime_s=3600)


@pytest.fixture
async def ruled(stage: Stage) -> Stage:
    await stage.put(config_of(1, rules=RULED))
    return stage


@pytest.mark.parametrize("cause", [Signal.SUCCESS, Signal.FAIL])
async def test_whoever_was_down_when_the_clock_was_stepped_back_comes_up_and_is_awaited_from_then(
    ruled: Stage, cause: Signal
) -> None:
    await ruled.listen(5000, step=1000)
    await ruled.ping(1)
    await ruled.listen(5041)
    if cause is Signal.FAIL:
        await ruled.ping(1)
        await ruled.ping(1, signal=cause)
    else:
        await ruled.sweep()
    await ruled.step_clock(-3600)
    await ruled.ping()
    await ruled.told()
    await ruled.listen(1450)
    await ruled.ping(1)
    assert [kind for kind, _, _ in await ruled.told()] == ["up"]
    assert await ruled.deadline(1) == 1490
