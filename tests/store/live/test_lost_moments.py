"""Redis comes back without its last moments: what was answered is gone, and nobody sends it again."""

from __future__ import annotations

import pytest

from store.clock import wall_ms
from store.live.event_kind import Cause
from store.live.scripts import CLOCK
from store.live.writers import Dropped, Dropping, drop_writer
from store.monitor_rules import MonitorRules
from tests.stage import START_MS, Stage, config_of
from tests.store.live.test_packing import in_lua
from tests.store.live.test_signals import ONE, OTHER, START, causes

RULES = MonitorRules(max_runtime_s=20)


async def kept(stage: Stage) -> dict[bytes, bytes]:
    return {key: await stage.redis.dump(key) async for key in stage.redis.scan_iter("od:*")}


async def lose(stage: Stage, kept: dict[bytes, bytes]) -> None:
    """All is as it was kept."""
    await stage.redis.unlink(*[key async for key in stage.redis.scan_iter("od:*")])
    for key, blob in kept.items():
        await stage.redis.restore(key, 0, blob)
    stage.read_up_to = "0-0"


async def begin(stage: Stage) -> dict[bytes, bytes]:
    """A run begins, and what is known of it is kept; its end is answered."""
    await stage.put(config_of(1, 300, 100, rules=RULES))
    await stage.listen(5)
    await stage.ping(1, signal=START, run=ONE)
    was = await kept(stage)
    await stage.listen(6)
    await stage.ping(1, run=ONE)
    return was


async def test_a_run_whose_end_may_be_lost_is_let_go_and_its_monitor_missed_at_its_deadline(
    stage: Stage,
) -> None:
    await lose(stage, await begin(stage))
    await stage.listen(406)
    await stage.sweep()
    assert await stage.holes() == [(5, 7)]
    assert await causes(stage) == []
    await stage.listen(408)
    await stage.sweep()
    assert await causes(stage) == [("down", Cause.MISSED, 407)]


async def test_a_writer_whose_slot_is_lost_too_says_up_to_when_it_was_heard(stage: Stage) -> None:
    await lose(stage, await begin(stage))
    await stage.writer.register()
    await stage.listen(100)
    await stage.sweep()
    assert await causes(stage) == []


@pytest.mark.parametrize(("is_registered_again", "heard"), [(False, 7), (True, 6)])
async def test_a_run_goes_on_where_something_was_only_refused(
    stage: Stage, is_registered_again: bool, heard: int
) -> None:
    """Whoever was refused tries again."""
    await stage.put(config_of(1, 300, 100, rules=RULES))
    await stage.listen(5)
    await stage.ping(1, signal=START, run=ONE)
    stage.writer.confess()
    await stage.move_to(6)
    if is_registered_again:
        await stage.writer.register()
    await stage.listen(30)
    await stage.sweep()
    assert await stage.holes() == [(5, heard)]
    assert await causes(stage) == [("down", Cause.OVERRUN, heard + 20)]


@pytest.mark.parametrize(("started", "told"), [(10, []), (4, [Cause.OVERRUN])])
async def test_where_ingest_died_with_the_server_the_runs_of_that_time_are_let_go(
    stage: Stage, started: float, told: list[Cause]
) -> None:
    """And where it died alone, nothing was lost but what is sent again."""
    await lose(stage, await begin(stage))
    await starts(stage, started)
    await stage.move_to(12)
    stage.writer = await stage.new_writer()
    await stage.listen(100)
    await stage.sweep()
    assert await stage.holes() == [(5, 12)]
    assert [cause for _, cause, _ in await causes(stage)] == told


async def test_so_they_are_where_the_slot_of_the_one_that_died_is_dropped(stage: Stage) -> None:
    """Its host comes back under another name."""
    await lose(stage, await begin(stage))
    await starts(stage, 10)
    await stage.move_to(12)
    assert await drop_writer(stage.shard, "main-0", 0) == Dropped(Dropping.DROPPED, 7_000)
    stage.writer = await stage.new_writer("other-0")
    await stage.listen(100)
    await stage.sweep()
    assert await stage.holes() == [(5, 12)]
    assert await causes(stage) == []


@pytest.mark.parametrize("has_died", [False, True])
async def test_so_they_are_where_the_clock_comes_back_behind(stage: Stage, has_died: bool) -> None:
    await stage.put(config_of(1, 300, 100, rules=MonitorRules(max_runtime_s=60)))
    await stage.listen(5)
    await stage.ping(1, signal=START, run=ONE)
    await stage.listen(40)
    was = await kept(stage)
    await stage.listen(41)
    await stage.ping(1, run=ONE)
    await lose(stage, was)
    await stage.step_clock(-10)
    if has_died:
        await starts(stage, 30)
        stage.writer = await stage.new_writer()
    else:
        await stage.ping()
    await stage.listen(200)
    await stage.sweep()
    assert await causes(stage) == []


async def test_who_stopped_in_order_has_lost_nothing_whenever_the_server_was_started(stage: Stage) -> None:
    await begin(stage)
    await stage.move_to(7)
    await stage.ping(1, signal=START, run=OTHER)
    await stage.writer.deregister()
    await starts(stage, 10)
    await stage.move_to(12)
    stage.writer = await stage.new_writer()
    await stage.listen(100)
    await stage.sweep()
    assert await stage.holes() == [(7, 12)]
    assert [cause for _, cause, _ in await causes(stage)] == [Cause.OVERRUN]


async def starts(stage: Stage, second: float) -> None:
    await stage.redis.set("test-started", START_MS + round(second * 1000))


async def test_a_server_says_when_it_was_started(stage: Stage) -> None:
    """Not more than a second before it was, and hardly after it."""
    before_ms = wall_ms()
    uptime_ms = 1000 * (await stage.redis.info("server"))["uptime_in_seconds"]
    started_ms: int = await stage.redis.eval(CLOCK.read_text(encoding="utf-8") + "return started_ms()", 0)
    assert before_ms - uptime_ms - 1000 <= started_ms <= wall_ms() - uptime_ms


async def test_a_run_that_began_after_the_loss_is_watched(stage: Stage) -> None:
    await lose(stage, await begin(stage))
    await stage.listen(10)
    await stage.ping(1, signal=START, run=ONE)
    await stage.listen(31)
    await stage.sweep()
    assert await causes(stage) == [("down", Cause.OVERRUN, 30)]


async def test_a_blind_time_keeps_its_loss_when_it_grows_or_is_joined_to_another(stage: Stage) -> None:
    body = """
        for _, hole in ipairs({{10, 20, true}, {15, 30}, {40, 50}}) do add_hole('od:b', 'od:t', unpack(hole)) end
        local first = cjson.encode(read_holes(redis.call('GET', 'od:b')))
        for i = 1, HOLES_KEPT do add_hole('od:b', 'od:t', 100 * i, 100 * i + 1) end
        return {first, cjson.encode(read_holes(redis.call('GET', 'od:b'))[1])}
    """
    first, oldest = await in_lua(stage, "blind", body)
    assert first == b"[[10,30,true],[40,50,false]]"
    assert oldest == b"[10,101,true]"


async def test_a_blind_time_keeps_its_loss_when_the_clock_is_stepped_back(stage: Stage) -> None:
    await lose(stage, await begin(stage))
    await stage.listen(10)
    await stage.step_clock(-4)
    await stage.ping()
    blob = await stage.redis.get(stage.shard.keys.blind)
    [[from_ms, _, is_loss]] = await in_lua(
        stage,
        "blind",
        "local h = read_holes(ARGV[1])[1] return {{h[1], h[2], h[3] and 1 or 0}}",
        blob,
    )
    assert (from_ms - START_MS, is_loss) == (5_000, 1)
