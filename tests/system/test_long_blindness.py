"""No script holds Redis long where blindness flaps: 256 blind intervals in every window, 32 runs of every monitor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from statistics import median
from uuid import UUID

import pytest

from ingest.batcher import LIKE_PLAIN_PINGS, MOST_PINGS
from store.beat import Signal
from store.live.heads import HAS_RUN, SIGNAL_SHIFT, pack_head
from store.live.inspecting import PAGE, inspect
from store.live.monitors import MOST_AT_ONCE, look
from store.live.packed_runs import MOST_RUNS, RememberedRuns
from store.live.planting import Restored, in_calls, restore_monitors
from store.live.refreshing import AT_ONCE, refresh_rules
from store.monitor import MonitorState, Phase
from store.monitor_rules import MonitorRules
from sweeper.sweeping import DEADLINES_AT_ONCE
from tests.stage import GENERATION, START_MS, Stage, config_of, digest_of
from tests.system.test_long_scripts import RAREST_MS, Watch, watching

pytestmark = pytest.mark.slow

HOUR_S, DAY_S, NOW_S = 3600, 86_400, 75_000
HOLES, HOLE_MS, FLEET, ROUNDS = 256, 1500, MOST_AT_ONCE, 9
# What 256 intervals may make a call dearer than one does. To walk over them for each run made it 40 times as dear.
DEARER = 5.0
QUIET = tuple(
    (START_MS // 1000 + second, START_MS // 1000 + second + 100) for second in range(900, 72_900, 1125)
)
RULES = MonitorRules(max_runtime_s=DAY_S, quiet=QUIET)
RUNS = RememberedRuns(under_way=tuple((b"%016d" % one, START_MS + one) for one in range(MOST_RUNS)))
STATE = MonitorState(phase=Phase.ACTIVE, base_ms=START_MS, seen_ms=START_MS, recorded_ms=0, down_at_ms=0)
BUSY = MOST_PINGS // LIKE_PLAIN_PINGS
Call = Callable[[Stage], Awaitable[object]]


def fleet(rules: MonitorRules | None, runs: RememberedRuns) -> list[Restored]:
    return [
        Restored(config_of(one, 6 * HOUR_S, 60, rules=rules), (digest_of(one),), STATE, runs)
        for one in range(1, FLEET + 1)
    ]


async def flap(stage: Stage, holes: int) -> None:
    """So many blind intervals in the last twenty hours."""
    every_ms = NOW_S * 1000 // (HOLES + 1)
    moments = [START_MS + one * every_ms for one in range(1, HOLES + 1)][-holes:]
    packed = b"".join(at.to_bytes(6, "little") + (at + HOLE_MS).to_bytes(6, "little") for at in moments)
    await stage.redis.set(stage.shard.keys.blind, packed)


async def record(stage: Stage, pings: int, signal: Signal) -> None:
    flags = signal << SIGNAL_SHIFT | (HAS_RUN if signal == Signal.START else 0)
    runs = b"".join(UUID(int=one + 1).bytes for one in range(pings)) if flags & HAS_RUN else b""
    ids = [b"%d" % one for one in range(1, pings + 1)]
    await stage.writer.record(ids, pack_head(stage.now_ms, 1, 1, flags) * pings, b"", stage.now_ms, runs)


async def sweep(stage: Stage) -> None:
    await stage.sweep(DEADLINES_AT_ONCE)


async def refresh(stage: Stage) -> None:
    await refresh_rules(stage.shard, [(one, 1, RULES) for one in range(1, AT_ONCE + 1)])


CALLS: dict[str, Call] = {
    "record a word": lambda stage: record(stage, BUSY, Signal.LOG),
    "record a start": lambda stage: record(stage, BUSY, Signal.START),
    "sweep": sweep,
    "look": lambda stage: look(stage.shard, range(1, MOST_AT_ONCE + 1)),
    "inspect": lambda stage: inspect(stage.shard, range(1, PAGE + 1)),
    "refresh": refresh,
}


async def took_ms(stage: Stage, call: Call, holes: int) -> list[float]:
    """Time of the server's processor for each call, all from the same state."""
    watch = await watching(stage)
    keys = stage.shard.keys
    for _ in range(ROUNDS):
        await stage.redis.delete(keys.config, keys.state, keys.runs, keys.rules, keys.deadlines, keys.events)
        await restore_monitors(stage.shard, fleet(RULES, RUNS))
        await stage.redis.zadd(keys.deadlines, {str(one): START_MS for one in range(1, FLEET + 1)})
        await flap(stage, holes)
        with watch.call():
            await call(stage)
    return watch.took_ms


async def begin(stage: Stage) -> None:
    await stage.move_to(NOW_S)
    await stage.writer.register()
    await record(stage, 0, Signal.SUCCESS)


@pytest.mark.parametrize("name", CALLS)
async def test_flapping_makes_a_call_little_dearer(stage: Stage, name: str) -> None:
    await begin(stage)
    once = median(await took_ms(stage, CALLS[name], 1))
    flapping = median(await took_ms(stage, CALLS[name], HOLES))
    print(f"{name}: {once:.1f} ms with one blind interval, {flapping:.1f} ms with {HOLES}")
    assert flapping < DEARER * once
    assert flapping < RAREST_MS


async def test_monitors_with_many_runs_go_back_in_short_steps(stage: Stage) -> None:
    await begin(stage)
    watch: Watch = await watching(stage)
    for _ in range(ROUNDS):
        await stage.redis.flushdb()
        await stage.redis.set(stage.shard.keys.generation, GENERATION)
        await stage.move_to(NOW_S)
        for some in in_calls(fleet(RULES, RUNS)):
            with watch.call():
                await restore_monitors(stage.shard, some)
    print(f"{median(watch.took_ms):.1f} ms")
    assert median(watch.took_ms) < RAREST_MS / 2
