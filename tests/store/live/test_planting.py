"""Many monitors at once: what is there already is left alone, and what is put is as if put one by one."""

from __future__ import annotations

import pytest

from store.live.connect import Refused
from store.live.monitors import resolve
from store.live.packed_runs import RememberedRuns
from store.live.planting import Restored, create_monitors, in_calls, restore_monitors
from store.monitor import MonitorState, Phase
from store.projection import PutMonitor
from tests.stage import START_MS, Stage, config_of, digest_of


def puts(*monitor_ids: int) -> list[PutMonitor]:
    return [PutMonitor(config_of(one), (digest_of(one),)) for one in monitor_ids]


async def dumped(stage: Stage) -> dict[bytes, bytes]:
    return {key: await stage.redis.dump(key) for key in await stage.redis.keys("od:*")}


async def test_monitors_created_together_are_as_if_created_one_by_one(stage: Stage) -> None:
    for one in (1, 2, 3):
        await stage.put(config_of(one))
    alone = await dumped(stage)
    await stage.redis.flushall()
    await stage.open()

    assert await create_monitors(stage.shard, puts(1, 2, 3)) == 3

    together = await dumped(stage)
    together[stage.shard.keys.writers.encode()] = alone[stage.shard.keys.writers.encode()]
    assert together == alone


async def test_who_was_there_changed_or_deleted_before_is_left_alone(stage: Stage) -> None:
    await stage.put(config_of(1, version=2, paused=True))
    await stage.put(config_of(2))
    await stage.drop(2, version=2)
    await stage.move_to(5)

    assert await create_monitors(stage.shard, puts(1, 2, 3)) == 1
    assert await create_monitors(stage.shard, puts(1, 2, 3)) == 0

    states = [await stage.state(one) for one in (1, 2, 3)]
    assert [state and state.phase for state in states] == [Phase.PAUSED, None, Phase.ACTIVE]
    assert await stage.deadline(3) == 45
    assert await resolve(stage.shard, [digest_of(2)]) == [None]
    tallies = await stage.live.tallies()
    assert (tallies.new, tallies.paused) == (1, 1)


async def test_one_config_that_cannot_be_read_spoils_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.live.planting.pack_config", lambda config: b"x" * (config.id * 30))
    before = await dumped(stage)
    with pytest.raises(Refused, match="MALFORMED"):
        await create_monitors(stage.shard, puts(2, 1))
    assert await dumped(stage) == before


async def test_states_come_back_as_they_were_and_whoever_has_none_is_watched_from_now(stage: Stage) -> None:
    await stage.move_to(100)
    up = MonitorState(phase=Phase.ACTIVE, base_ms=START_MS + 90_000, seen_ms=7, recorded_ms=6, down_at_ms=0)
    down = MonitorState(phase=Phase.DOWN, base_ms=9, seen_ms=8, recorded_ms=8, down_at_ms=10)
    monitors = [
        Restored(config_of(1), (digest_of(1),), up),
        Restored(config_of(2), (digest_of(2), digest_of(20)), down),
        Restored(config_of(3), (digest_of(3),), None),
        Restored(config_of(4, paused=True), (digest_of(4),), None),
    ]

    await restore_monitors(stage.shard, monitors)

    assert [await stage.state(one) for one in (1, 2)] == [up, down]
    assert [await stage.deadline(one) for one in (1, 2, 3, 4)] == [130, None, 140, None]
    paused = await stage.state(4)
    assert paused is not None and paused.phase == Phase.PAUSED
    found = await resolve(stage.shard, [digest_of(one) for one in (1, 2, 20, 3, 4, 5)])
    assert [one and one.monitor_id for one in found] == [1, 2, 2, 3, 4, None]
    tallies = await stage.live.tallies()
    assert (tallies.up, tallies.down, tallies.new, tallies.paused) == (1, 1, 1, 1)


def test_of_monitors_with_many_runs_fewer_go_back_in_a_call() -> None:
    runs = RememberedRuns(under_way=tuple((b"", START_MS) for _ in range(32)))
    busy = [Restored(config_of(one), (), None, runs) for one in range(40)]
    idle = [Restored(config_of(one), (), None) for one in range(300)]
    assert [len(some) for some in in_calls(idle)] == [256, 44]
    assert [len(some) for some in in_calls(busy)] == [15, 15, 10]
    assert [one for some in in_calls(busy + idle) for one in some] == busy + idle
    assert list(in_calls([])) == []
