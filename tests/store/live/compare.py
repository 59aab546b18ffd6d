"""What the machine compares: a shard as it is in Redis, and as the model says, in the same shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from store.live.heads import OUT_OF_DATE, Outcome
from store.live.packing import read_config, read_holes, read_state
from store.monitor import MonitorState
from tests.stage import START_MS, Stage, digest_of
from tests.store.live.model import NEVER, Model, Told, Watched

STATUSES = ("new", "up", "down", "paused")
State = tuple[str, int, int | None, int | None, int | None, int]
# The cause of a down, failures in a row, runs under way (id, start, told), and the ids of ended ones.
Remembered = tuple[int, int, list[tuple[int, int, bool]], list[int]]


class Look(msgspec.Struct, frozen=True):
    """A shard at one moment, with times in ms after the start."""

    states: dict[int, State]
    runs: dict[int, Remembered]
    versions: dict[int, int | None]
    watched: set[int]
    keys: set[int]
    holes: list[tuple[int, int]]
    tallies: dict[str, int]
    recorded_pings: int


async def look_at_redis(stage: Stage, everybody: Sequence[int]) -> tuple[Look, dict[int, int]]:
    """What Redis holds, and the stored deadlines; `everybody` are the monitors that there ever were."""
    keys, pipe = stage.shard.keys, stage.live.client.pipeline(transaction=False)
    pipe.hgetall(keys.state)
    pipe.hgetall(keys.config)
    pipe.zrange(keys.deadlines, 0, -1, withscores=True)
    pipe.get(keys.blind)
    pipe.hgetall(keys.tallies)
    pipe.xrange(keys.pings)
    pipe.hgetall(keys.runs)
    for number in everybody:
        pipe.hget(keys.key_bucket(digest_of(number)), digest_of(number))
    states, configs, deadlines, blind, tallies, pings, runs, *found = await pipe.execute()
    scores = {int(number): int(score) - START_MS for number, score in deadlines}
    look = Look(
        states={int(number): _state(read_state(blob)) for number, blob in states.items()},
        runs={int(number): _read_runs(blob) for number, blob in runs.items()},
        versions={int(number): _version(blob) for number, blob in configs.items()},
        watched=set(scores),
        keys={int(number) for number in found if number is not None},
        holes=[(start - START_MS, end - START_MS) for start, end in read_holes(blind)],
        tallies={name: int(tallies.get(name.encode(), 0)) for name in (*STATUSES, "blind_ms")},
        recorded_pings=_recorded(fields for _, fields in pings),
    )
    return look, scores


def look_at_model(model: Model) -> Look:
    """What Redis ought to hold."""
    return Look(
        states={number: _expected(one) for number, one in model.monitors.items()},
        runs={number: _remembered_by(one) for number, one in model.monitors.items() if one.is_remembered},
        versions={number: one.version for number, one in model.monitors.items()},
        watched={number for number, one in model.monitors.items() if one.phase == "active"},
        keys=set(model.monitors),
        holes=model.holes,
        tallies={**model.statuses(), "blind_ms": model.blind_ms},
        recorded_pings=model.recorded_pings,
    )


def check_deadlines(scores: Mapping[int, int], model: Model) -> None:
    """A stored deadline may lag behind a hole that came later, and behind pings by less than the grace; it is never
    after the true one.

    After a step back of the clock it may, until the sweep has walked over all.
    """
    for number, score in scores.items():
        one = model.monitors[number]
        if model.walk_is_due or max([one.base, *(run.start for run in one.runs)]) > model.now:
            continue
        due, _ = model.judged(one)
        ends = [run.start + one.max_runtime for run in one.runs if one.max_runtime and not run.told]
        if due == NEVER:
            assert score > model.now + 10**9
        else:
            lag = (START_MS + one.base) % one.grace if one.grace and not one.is_special else 0
            assert min([one.base - lag + one.limit, *ends]) <= score <= due


def check_events(events: Sequence[Told], at_drop: Mapping[int, int]) -> None:
    """Per monitor downs and ends take turns, an end names its down, and the deleted are left in peace."""
    for number in {told.monitor_id for told in events}:
        own = [told for told in events if told.monitor_id == number]
        assert own[0].kind == "down"
        for former, latter in pairwise(own):
            assert (former.kind == "down") != (latter.kind == "down")
            if former.kind == "down":
                assert (latter.silence, latter.started) == (former.silence, former.started)
                assert latter.at >= former.at
    for number, count in at_drop.items():
        assert all(told.monitor_id != number for told in events[count:])


def _state(state: MonitorState | None) -> State:
    assert state is not None
    moments = (state.seen_ms, state.recorded_ms, state.down_at_ms)
    seen, recorded, down_at = (moment - START_MS if moment else None for moment in moments)
    return state.phase.name.lower(), state.base_ms - START_MS, seen, recorded, down_at, state.delayed_ms


def _expected(one: Watched) -> State:
    return one.phase, one.base, one.seen, one.recorded, one.down_at, one.delayed


def _remembered_by(one: Watched) -> Remembered:
    open_runs = [(run.id, run.start, run.told) for run in one.runs]
    return one.cause, one.fails, open_runs, [run for run, _ in one.ended]


def _read_runs(blob: bytes) -> Remembered:
    _, cause, fails, count, ended = blob[:5]
    open_runs, at = [], 5
    for _ in range(count):
        start = int.from_bytes(blob[at + 16 : at + 22], "little") - START_MS
        open_runs.append((blob[at], start, bool(blob[at + 22])))
        at += 23
    return cause, fails, open_runs, [blob[at + 22 * one] for one in range(ended)]


def _version(blob: bytes) -> int | None:
    config = read_config(blob)
    return config.version if config else None


def _recorded(entries: Iterable[Mapping[bytes, Any]]) -> int:
    return sum(byte & ~OUT_OF_DATE == Outcome.RECORDED for fields in entries for byte in fields[b"o"])
