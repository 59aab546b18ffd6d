"""The bell rings for an event that nobody has told yet, whenever it came, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from store.errors import Unavailable
from store.live import bell as bells
from store.live.bell import Bell
from store.live.delivering import deliver
from tests.patience import until
from tests.stage import Stage, config_of

NOTHING = "0-0"
AT_ONCE_S = 2.0


@pytest.fixture
async def bell(stage: Stage) -> AsyncIterator[Bell]:
    bell = Bell(stage.live.url, stage.shard)
    yield bell
    bell.close()


async def go_down(stage: Stage, monitor_id: int, second: float) -> None:
    await stage.put(config_of(monitor_id, 1, 0))
    await stage.listen(until=second)
    await stage.sweep()


def somebody_listens_to(stage: Stage) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return any(client["cmd"] == "xread" for client in await stage.redis.client_list())

    return is_so


async def test_it_rings_at_once_for_an_event_that_came_before_anybody_listened(
    stage: Stage, bell: Bell
) -> None:
    await go_down(stage, 1, 1)
    await asyncio.wait_for(bell.wait(NOTHING), AT_ONCE_S)


async def test_it_rings_for_an_event_that_comes_while_somebody_listens_but_not_for_those_that_were_told(
    stage: Stage, bell: Bell
) -> None:
    await go_down(stage, 1, 1)
    told = await deliver(stage.shard, 10)
    waiting = asyncio.create_task(bell.wait(told.last))
    await until(somebody_listens_to(stage))
    assert not waiting.done()
    await go_down(stage, 2, 2)
    await asyncio.wait_for(waiting, AT_ONCE_S)


async def test_it_does_not_wait_for_ever(stage: Stage, bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bells, "BLOCK_MS", 20)
    await asyncio.wait_for(bell.wait(NOTHING), AT_ONCE_S)
    await asyncio.wait_for(bell.wait(NOTHING), AT_ONCE_S)


async def test_it_goes_on_over_another_connection_when_one_is_lost(stage: Stage, bell: Bell) -> None:
    waiting = asyncio.create_task(bell.wait(NOTHING))
    await until(somebody_listens_to(stage))
    await stage.redis.execute_command("CLIENT", "KILL", "SKIPME", "yes")
    with pytest.raises(Unavailable):
        await waiting
    await go_down(stage, 1, 1)
    await asyncio.wait_for(bell.wait(NOTHING), AT_ONCE_S)


async def test_where_redis_is_away_it_says_so(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await Bell(f"unix://{tmp_path}/nobody", stage.shard).wait(NOTHING)
