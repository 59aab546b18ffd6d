"""What is written under a lock: all of it while the lock is held, and nothing once it is not."""

from __future__ import annotations

import pytest
import redis
from redis.asyncio.client import Pipeline

from store.errors import Unavailable
from store.live.connect import Caller, Refused
from store.live.fenced import FencedCaller
from tests.stage import Stage, config_of


@pytest.fixture
async def fenced(stage: Stage) -> FencedCaller:
    await stage.redis.set("lock", "ours")
    return FencedCaller(Caller(stage.live.client, stage.live.scripts), "lock", b"ours")


async def test_while_it_is_held_commands_and_scripts_do_what_they_do(
    stage: Stage, fenced: FencedCaller
) -> None:
    await stage.redis.script_flush()
    await fenced.execute(("SET", "a", 1), ("SET", "b", 2))
    assert await stage.redis.mget("a", "b") == [b"1", b"2"]
    keys = stage.shard.keys
    assert await fenced.call(
        "list_writers", (keys.generation, keys.writers), (stage.live.generation.value,)
    ) == [stage.now_ms, b"main-0", stage.now_ms]


@pytest.mark.parametrize("holder", [b"theirs", None])
async def test_once_it_is_lost_between_the_look_and_the_write_nothing_is_written(
    stage: Stage, fenced: FencedCaller, monkeypatch: pytest.MonkeyPatch, holder: bytes | None
) -> None:
    with redis.Redis.from_url(stage.live.url) as thief:
        real = Pipeline.multi

        def lose(pipe: Pipeline) -> None:
            if holder is None:
                thief.delete("lock")
            else:
                thief.set("lock", holder)
            real(pipe)  # type: ignore[no-untyped-call]

        monkeypatch.setattr(Pipeline, "multi", lose)
        with pytest.raises(Unavailable, match="interrupted"):
            await fenced.execute(("SET", "a", 1))
    assert await stage.redis.get("a") is None


async def test_a_script_that_refuses_is_told_apart_from_a_lock_that_is_lost(
    stage: Stage, fenced: FencedCaller
) -> None:
    keys = stage.shard.keys
    with pytest.raises(Refused, match=r"^Redis refuses: MALFORMED incarnation"):
        await fenced.call(
            "register",
            (keys.generation, keys.writers, keys.replies, keys.heard, keys.blind, keys.tallies),
            (stage.live.generation.value, config_of(1).name, "short", 0),
        )


async def test_a_script_writes_nothing_once_the_lock_is_lost(stage: Stage, fenced: FencedCaller) -> None:
    keys = stage.shard.keys
    names = (keys.generation, keys.writers, keys.replies, keys.heard, keys.blind, keys.tallies)
    arguments = (stage.live.generation.value, "main-1", "8 bytes!", 0)
    await stage.redis.set("lock", "theirs")
    with pytest.raises(Unavailable, match="interrupted"):
        await fenced.call("register", names, arguments)
    assert await stage.redis.hkeys(keys.writers) == [b"main-0"]
    await stage.redis.set("lock", "ours")
    await fenced.call("register", names, arguments)
    assert sorted(await stage.redis.hkeys(keys.writers)) == [b"main-0", b"main-1"]
