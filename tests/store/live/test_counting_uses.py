"""Calls of the admin API are counted by the minute of Redis' clock."""

from __future__ import annotations

import pytest

from store.errors import GenerationMissing
from tests.stage import START_MS, Stage


async def test_so_many_a_minute_are_counted_and_the_next_has_to_wait(stage: Stage) -> None:
    await stage.move_to(12.5)

    waits = [await stage.live.count_use("key:1", 3) for _ in range(5)]

    left_ms = 60_000 - (START_MS + 12_500) % 60_000
    assert waits == [0, 0, 0, left_ms, left_ms]


async def test_everybody_is_counted_alone(stage: Stage) -> None:
    assert await stage.live.count_use("key:1", 1) == 0
    assert await stage.live.count_use("from:192.0.2.1", 1) == 0
    assert await stage.live.count_use("key:1", 1) > 0


async def test_the_next_minute_begins_at_nothing_and_the_last_one_is_gone(stage: Stage) -> None:
    for who in ("key:1", "key:2", "from:192.0.2.1"):
        await stage.live.count_use(who, 1)
    left_s = 60 - (START_MS // 1000) % 60
    await stage.move_to(left_s - 0.001)
    assert await stage.live.count_use("key:1", 1) == 1

    await stage.move_to(left_s)

    assert await stage.live.count_use("key:1", 1) == 0
    assert await stage.redis.hlen(stage.shard.keys.uses) == 2  # the minute, and the one who came in it
    assert 0 < await stage.redis.pttl(stage.shard.keys.uses) <= 120_000


async def test_who_is_refused_is_not_counted_further(stage: Stage) -> None:
    for _ in range(5):
        await stage.live.count_use("key:1", 2)

    assert await stage.redis.hget(stage.shard.keys.uses, "key:1") == b"2"


async def test_a_flood_of_senders_fills_nothing(stage: Stage) -> None:
    await stage.live.count_use("first", 9)
    await stage.redis.hset(stage.shard.keys.uses, mapping={f"from:{number}": 1 for number in range(100_000)})

    assert await stage.live.count_use("new", 1) == 0
    assert await stage.live.count_use("new", 1) == 0
    assert not await stage.redis.hexists(stage.shard.keys.uses, "new")
    assert await stage.live.count_use("first", 9) == 0
    assert await stage.redis.hget(stage.shard.keys.uses, "first") == b"2"


async def test_while_the_installation_is_missing_nothing_is_written(stage: Stage) -> None:
    await stage.redis.flushall()

    with pytest.raises(GenerationMissing):
        await stage.live.count_use("key:1", 1)

    assert await stage.redis.dbsize() == 0
