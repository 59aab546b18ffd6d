"""`doctor` says how full Redis is, before new monitors are refused and when they are."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from overdue.health.finding import Verdict
from overdue.health.memory import judge, memory_finding
from store.live.server import read_server
from tests.stage import Stage


@pytest.mark.parametrize(
    ("share", "verdict", "said"),
    [
        (2.0, Verdict.GOOD, " MB"),
        (1.05, Verdict.WARNING, "Redis' memory is nearly full ("),
        (0.9, Verdict.BAD, "Redis' memory is full ("),
        (0, Verdict.GOOD, "no limit is set"),
    ],
)
async def test_it_says_so_from_nine_tenths_on(
    stage: Stage, share: float, verdict: Verdict, said: str
) -> None:
    redis: Redis = stage.redis
    used = (await read_server(stage.live.url)).used_memory_bytes
    await redis.config_set("maxmemory", int(used * share))
    try:
        finding = judge(await read_server(stage.live.url))
    finally:
        await redis.config_set("maxmemory", 0)
    assert (finding.what, finding.verdict) == ("memory", verdict)
    assert said in finding.sentence


async def test_of_a_server_that_does_not_answer_it_says_nothing() -> None:
    assert await memory_finding("unix:///nowhere") is None
