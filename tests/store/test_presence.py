"""A part goes on saying that it is alive, whatever happens to its figures, and the other way round."""

from __future__ import annotations

import asyncio
import logging

import pytest

from store import presence
from store.part import Part
from store.presence import say_alive_until
from tests.patience import until
from tests.stage import Stage

EVERY_S = 0.005


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "ALIVE_EVERY_S", EVERY_S)


async def test_an_error_that_nobody_thought_of_is_logged_once_and_the_part_is_alive(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    part, shown = Part("sweeper"), 0

    async def show() -> None:
        nonlocal shown
        shown += 1
        raise KeyError("a field of the future")

    async def has_shown_often() -> bool:
        return shown >= 5

    saying = asyncio.create_task(say_alive_until(stage.live, part, show))
    await until(has_shown_often)
    assert await stage.live.alive(["sweeper"]) == [True]
    assert not saying.done()
    part.stop.set()
    await saying
    [record] = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert record.getMessage() == "cannot show how we are doing"
    assert "a field of the future" in caplog.text


async def test_while_it_cannot_say_that_it_is_alive_its_figures_go_on(stage: Stage) -> None:
    part, shown = Part("sweeper"), asyncio.Event()
    await stage.redis.delete(stage.shard.keys.generation)

    async def show() -> None:
        shown.set()

    saying = asyncio.create_task(say_alive_until(stage.live, part, show))
    await asyncio.wait_for(shown.wait(), 5)
    part.stop.set()
    await saying
