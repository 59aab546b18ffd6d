"""Deadlines among many blind and quiet times: the scripts, which halve, against a walk over all of them, one by one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import pytest

from store.live.inspecting import PAGE, inspect
from store.live.packed_rules import pack_rules
from store.live.packed_runs import RememberedRuns, pack_runs
from store.live.packing import pack_config, pack_state
from store.monitor import MonitorConfig, MonitorState, Phase
from store.monitor_rules import MonitorRules
from tests.stage import START_MS, Stage, config_of

NEVER = 281474976710655
PATIENCE, TOLD_WITHIN_MS = 3, 30_000
MARK_RUNS, MARK_RULES, MARKED = 1, 2, 16
GRACE_S = 2
Times = list[tuple[int, int]]


class Case(NamedTuple):
    """A monitor that is watched, and what its deadline depends on."""

    config: MonitorConfig
    rules: MonitorRules
    base_ms: int
    starts_ms: tuple[int, ...]


def walk(after: Callable[[int], int], base: int, holes: Times, quiet: Times, least: int, is_run: bool) -> int:
    """Blind and quiet times in the order in which they begin; of two that begin together the blind one first."""
    deadline, since, unheard, is_patient = after(base), base, 0, True
    window = max(deadline - base, least)
    for start, is_quiet, end in sorted([(a, False, b) for a, b in holes] + [(a, True, b) for a, b in quiet]):
        if end <= base:
            continue
        if is_quiet:
            if start <= deadline < end:
                deadline, since, unheard = after(end), end, 0
        elif is_patient and start < deadline:
            is_patient = start - since - unheard < PATIENCE * window
            if is_patient and is_run and end - max(start, base) > TOLD_WITHIN_MS:
                return NEVER
            if is_patient:
                unheard += max(0, end - max(start, since))
                deadline = max(deadline, after(end))
    return deadline


def expected(case: Case, holes: Times) -> int:
    """When it is to be judged: for its silence, or for a run."""
    rules, limit_ms = case.rules, (case.rules.failures * case.config.interval_s + GRACE_S) * 1000
    quiet = [(start * 1000, end * 1000) for start, end in rules.quiet]

    def tick_after(moment: int) -> int:
        at = bisect_right(rules.ticks, moment / 1000) + rules.failures - 1
        return (rules.ticks[at] + GRACE_S) * 1000 if at < len(rules.ticks) else NEVER

    after = tick_after if rules.is_scheduled else lambda moment: moment + limit_ms
    ends = [walk(after, case.base_ms, holes, quiet, limit_ms, is_run=False)]
    runtime_ms = rules.max_runtime_s * 1000
    for start in case.starts_ms if runtime_ms else ():
        ends.append(walk(lambda moment: moment + runtime_ms, start, holes, quiet, 0, is_run=True))
    return min(ends)


def draw_times(random: Random, most: int, apart: float, length: float) -> Times:
    """Some in a row, none of which touches the one before, and none of which begins with a second."""
    found, at = [], START_MS
    for _ in range(random.randint(most // 2, most)):
        start = at + 1 + int(random.expovariate(1 / apart))
        start += start % 1000 == 0
        at = start + 1 + int(random.expovariate(1 / length))
        found.append((start, at))
    return found


def draw_quiet(random: Random, most: int, scale: int) -> tuple[tuple[int, int], ...]:
    apart, length = random.choice((1, 9)) * scale, random.choice((0.5, 4)) * scale
    found: Times = []
    for start, end in draw_times(random, most, apart, length):
        start_s, end_s = start // 1000, end // 1000 + 1
        if not found or start_s > found[-1][1]:
            found.append((start_s, end_s))
    return tuple(found)


def draw_case(random: Random, number: int, scale: int, holes: Times) -> Case:
    edges = [edge + by for hole in holes for edge in hole for by in (-1, 0, 1)]

    def moment() -> int:
        anywhere = random.randint(START_MS - scale, edges[-1] + scale)
        return random.choice((anywhere, random.choice(edges)))

    ticks = {start // 1000 for start, _ in draw_times(random, random.choice((0, 0, 200)), scale, 1)}
    rules = MonitorRules(
        failures=random.choice((1, 1, 3)),
        is_scheduled=bool(ticks),
        schedule="* * * * *" if ticks else "",
        max_runtime_s=random.choice((0, 1, 5)) * scale // 1000,
        ticks=tuple(sorted(ticks)),
        quiet=draw_quiet(random, random.choice((0, 2, 64)), scale),
    )
    interval_s = random.choice((1, 2, 9)) * scale // 1000
    starts = tuple(moment() for _ in range(random.choice((0, 3))))
    return Case(config_of(number, interval_s, GRACE_S, rules=rules), rules, moment(), starts)


async def put(stage: Stage, case: Case) -> None:
    """As if all of it had happened."""
    keys, number = stage.shard.keys, case.config.id
    rules = pack_rules(case.rules)
    runs = pack_runs(RememberedRuns(under_way=tuple((b"%016d" % start, start) for start in case.starts_ms)))
    moments = {"base_ms": case.base_ms, "seen_ms": case.base_ms, "recorded_ms": 0, "down_at_ms": 0}
    state = bytearray(pack_state(MonitorState(phase=Phase.ACTIVE, **moments)))
    state[1] += MARKED * (MARK_RUNS * bool(runs) + MARK_RULES * bool(rules))
    await stage.redis.hset(keys.config, number, pack_config(case.config))
    await stage.redis.hset(keys.state, number, bytes(state))
    if rules:
        await stage.redis.hset(keys.rules, number, rules)
    if runs:
        await stage.redis.hset(keys.runs, number, runs)


@pytest.mark.parametrize("seed", range(12))
async def test_a_deadline_is_the_one_that_a_walk_over_all_of_them_finds(stage: Stage, seed: int) -> None:
    random = Random(seed)
    scale = random.choice((1000, 20_000, 200_000))
    apart, length = random.choice((0.05, 0.5, 3)) * scale, random.choice((0.05, 0.5, 3)) * scale
    holes = draw_times(random, random.choice((2, 20, 256)), apart, length)
    cases = [draw_case(random, number, scale, holes) for number in range(1, PAGE + 1)]
    moments = [moment.to_bytes(6, "little") for hole in holes for moment in hole]
    await stage.redis.set(stage.shard.keys.blind, b"".join(moments))
    await stage.move_to((holes[-1][1] - START_MS) / 1000 + scale)
    for case in cases:
        await put(stage, case)

    inspected = await inspect(stage.shard, [case.config.id for case in cases])

    assert [one.deadline_ms for one in inspected] == [expected(case, holes) for case in cases]
