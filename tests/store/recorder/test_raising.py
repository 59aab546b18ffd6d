"""How long the outbox keeps what was raised: a Redis that comes back without its last moments gets it again."""

from __future__ import annotations

import pytest

from store.recorder import raising
from store.recorder.raising import KEPT_MS, LOOK_EVERY_MS
from tests.store.recorder.cast import Desk


class Passing:
    """Time as the outbox knows it, by our own clock."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Passing:
    passing = Passing()
    monkeypatch.setattr(raising, "monotonic_ms", passing)
    return passing


async def kept_for(desk: Desk, passing: Passing) -> int:
    """So many ms from now on the outbox keeps what it holds, looked at as often as it looks itself."""
    began_ms = passing.ms
    while desk.rows("SELECT id FROM alert_outbox"):
        passing.ms += LOOK_EVERY_MS
        assert passing.ms - began_ms <= 2 * KEPT_MS
        await desk.recorder.step()
    return passing.ms - began_ms


async def test_what_was_raised_is_kept_for_as_long_as_redis_may_lose_it_and_no_longer(
    desk: Desk, passing: Passing
) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 11)
    assert await kept_for(desk, passing) == KEPT_MS
    assert len(await desk.raised()) == 1


async def test_what_redis_has_lost_is_kept_from_the_moment_at_which_it_was_raised_again(
    desk: Desk, passing: Passing
) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 11)
    passing.ms += KEPT_MS - LOOK_EVERY_MS
    keys = desk.stage.shard.keys
    await desk.stage.redis.delete(keys.raised, keys.events)
    await desk.record()
    assert len(await desk.raised()) == 1
    assert await kept_for(desk, passing) == KEPT_MS


async def test_what_could_not_be_raised_yet_is_kept_beside_what_was_raised_long_ago(
    desk: Desk, passing: Passing
) -> None:
    monitor = await desk.monitor()
    await desk.rule(monitor)
    await desk.values(monitor, 11)
    passing.ms += KEPT_MS - LOOK_EVERY_MS
    await desk.values(monitor, 5)
    passing.ms += LOOK_EVERY_MS
    await desk.recorder.step()
    assert len(desk.rows("SELECT id FROM alert_outbox")) == 1
    assert await kept_for(desk, passing) == KEPT_MS - LOOK_EVERY_MS
