"""A pause of dispatch ends with an event, with the stop, or when its time is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.clock import monotonic_ms
from store.live.bell import Bell
from sweeper.listening import Listening
from tests.stage import Stage, config_of

NOTHING = "0-0"
LONG_S = 30.0
SHORT_S = 5.0


@pytest.fixture
async def stop() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def listening(stage: Stage, stop: asyncio.Event) -> AsyncIterator[Listening]:
    listening = Listening(Bell(stage.live.url, stage.shard), stop)
    yield listening
    await listening.aclose()


async def go_down(stage: Stage) -> None:
    await stage.put(config_of(1, 1, 0))
    await stage.listen(until=1)
    await stage.sweep()


async def test_an_event_ends_the_pause(stage: Stage, listening: Listening) -> None:
    pausing = asyncio.create_task(listening.pause(NOTHING, LONG_S))
    await go_down(stage)
    await asyncio.wait_for(pausing, SHORT_S)


async def test_an_event_ends_a_later_pause_than_that_in_which_somebody_began_to_listen(
    stage: Stage, listening: Listening
) -> None:
    await listening.pause(NOTHING, 0.05)
    pausing = asyncio.create_task(listening.pause(NOTHING, LONG_S))
    await go_down(stage)
    await asyncio.wait_for(pausing, SHORT_S)


async def test_the_stop_ends_the_pause(listening: Listening, stop: asyncio.Event) -> None:
    pausing = asyncio.create_task(listening.pause(NOTHING, LONG_S))
    stop.set()
    await asyncio.wait_for(pausing, SHORT_S)


async def test_where_nobody_can_listen_a_pause_is_a_tenth_of_a_second(
    stage: Stage, stop: asyncio.Event, tmp_path: Path
) -> None:
    listening = Listening(Bell(f"unix://{tmp_path}/nobody", stage.shard), stop)
    began_ms = monotonic_ms()
    await asyncio.wait_for(listening.pause(NOTHING, LONG_S), SHORT_S)
    assert monotonic_ms() - began_ms >= 100
    await listening.aclose()
