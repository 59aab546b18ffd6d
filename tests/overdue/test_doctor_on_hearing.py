"""`doctor` says that pings go unheard while they do, and not when that is over."""

from __future__ import annotations

import asyncio

import pytest

from overdue.health import hearing
from overdue.health.finding import Finding, Verdict
from overdue.health.hearing import hearing_finding
from tests.stage import Stage

WATCH_S = 0.2


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "LOOK_AGAIN_S", WATCH_S)
    monkeypatch.setattr(hearing, "Live", lambda url, shards, _: Stage(url).live)


async def look_while(stage: Stage, *, refusing: bool) -> Finding:
    """What is found, while half a minute passes in which each second a ping is refused or all is well."""
    looking = asyncio.create_task(hearing_finding(stage.live.url, 1))
    await asyncio.sleep(WATCH_S / 4)
    await refuse(stage, 31, 35) if refusing else await stage.listen(until=35)
    finding = await looking
    assert finding is not None
    return finding


async def refuse(stage: Stage, first: int, last: int) -> None:
    for second in range(first, last + 1):
        await stage.move_to(second)
        stage.writer.confess(stage.now_ms)
        await stage.ping()


async def test_while_pings_are_refused_all_the_time_it_is_bad(stage: Stage) -> None:
    await refuse(stage, 1, 30)
    finding = await look_while(stage, refusing=True)
    assert finding.verdict is Verdict.BAD
    assert "pings go unheard for 35 s and it goes on" in finding.sentence


@pytest.mark.parametrize("deaf_s", [9, 30])
async def test_when_it_is_over_or_short_it_is_not(stage: Stage, deaf_s: int) -> None:
    await stage.listen(until=30 - deaf_s)
    await refuse(stage, 31 - deaf_s, 30)
    finding = await look_while(stage, refusing=False)
    assert (finding.verdict, finding.what) == (Verdict.GOOD, "hearing")
