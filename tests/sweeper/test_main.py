"""The sweeper part as a whole: it notices and tells, follows Redis into a new generation, and stops in bounded time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from store.clock import monotonic_ms
from store.metrics import MONITORS
from store.part import Part
from store.settings import Settings
from sweeper import main
from tests.ingest.entrance import Entrance, entrance_on
from tests.patience import until
from tests.stage import Stage
from tests.store.book.cast import settings_of
from tests.sweeper.channels.receivers import answering, hanging, receiving
from tests.sweeper.telling import channels, told

OTHER_GENERATION = "f" * 32


@pytest.fixture
async def entrance(stage: Stage) -> AsyncIterator[Entrance]:
    """Real time passes here: the part makes its own way to Redis."""
    async with entrance_on(stage.live.url, stage.redis) as entrance:
        yield entrance


@pytest.fixture
def settings(stage: Stage, tmp_path: Path) -> Settings:
    return settings_of(tmp_path, redis_url=stage.live.url, private_targets="127.0.0.0/8")


@asynccontextmanager
async def sweeping(settings: Settings) -> AsyncIterator[Part]:
    part = Part("sweeper")
    running = asyncio.create_task(main.run(settings, part))
    try:
        yield part
    finally:
        part.stop.set()
        await asyncio.wait_for(running, 10)


async def test_a_silence_is_told_and_it_goes_on_in_a_new_generation(
    entrance: Entrance, settings: Settings, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sweeper.main")
    async with receiving(answering(200)) as receiver, sweeping(settings):
        await channels(entrance.live, receiver)
        await entrance.put(1, interval_s=1, grace_s=0)

        async def is_told() -> bool:
            return bool(receiver.calls)

        await until(is_told)
        await stage.redis.flushall()
        entrance.live.generation.value = OTHER_GENERATION
        await stage.redis.set(stage.shard.keys.generation, OTHER_GENERATION)
        await channels(entrance.live, receiver)
        await entrance.put(2, interval_s=1, grace_s=0)

        async def is_told_again() -> bool:
            return len(receiver.calls) == 2

        await until(is_told_again)
        assert [one.monitor for one in told(receiver)] == ["job 1", "job 2"]

        async def is_alive() -> bool:
            return (
                await entrance.live.alive(["sweeper"]) == [True] and MONITORS.labels("down")._value.get() == 1
            )

        await until(is_alive)
    assert "going on" in caplog.text


async def test_it_stops_while_redis_is_away(tmp_path: Path) -> None:
    async with sweeping(settings_of(tmp_path, redis_url=f"unix://{tmp_path}/nobody")) as part:
        await asyncio.sleep(0.05)
        part.stop.set()


async def test_an_attempt_that_hangs_is_cut_off_at_the_stop(
    entrance: Entrance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "FINISH_WITHIN_S", 0.1)
    async with receiving(hanging) as receiver:
        async with sweeping(settings):
            await channels(entrance.live, receiver)
            await entrance.put(1, interval_s=1, grace_s=0)

            async def is_called() -> bool:
                return bool(receiver.calls)

            await until(is_called)
        assert (await entrance.live.tallies()).deliveries == 1


async def test_an_idle_sweeper_makes_a_handful_of_calls_a_second(
    entrance: Entrance, settings: Settings, stage: Stage
) -> None:
    async def calls() -> int:
        return int((await stage.redis.info("commandstats"))["cmdstat_evalsha"]["calls"])

    async with sweeping(settings):
        await entrance.put(1, interval_s=86_400)

        async def is_alive() -> bool:
            return await entrance.live.alive(["sweeper"]) == [True]

        await until(is_alive)
        before, since_ms = await calls(), monotonic_ms()
        await asyncio.sleep(1.0)
        made, passed_s = await calls() - before, (monotonic_ms() - since_ms) / 1000
    assert 4 <= made <= 20 * passed_s  # five of them are those of the writer
