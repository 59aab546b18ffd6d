"""Measures the cases in turns: all of them in each round, so that whatever else the machine does hits each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bench.case import EMPTY, STARLETTE, Case, Figure, Round, Way
from bench.drain import measure_drain
from bench.load import BenchFailed, Drive, Load
from bench.lone import measure_lone
from bench.measure import measure
from bench.requests import requests_of
from bench.script import run_script
from bench.stage import Stage

WARM_UP_S = 1.0


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """How long a round of each kind is: seconds, and rows to drain."""

    load_s: float
    lone_s: float
    script_s: float
    drain_rows: int


FULL = Lengths(load_s=3, lone_s=12, script_s=2, drain_rows=200_000)
QUICK = Lengths(load_s=1, lone_s=2, script_s=0.5, drain_rows=20_000)

# Told before a step and after it: its place from 1, how many there are, the cases, and what came of them.
Tell = Callable[[int, int, Sequence[Case], Sequence[Round] | None], None]


def steps_of(cases: Sequence[Case]) -> list[tuple[Case, ...]]:
    """What is measured at a time: a case alone, lone senders together; what follows from others is not measured."""
    lone = tuple(case for case in cases if case.way is Way.LONE)
    steps: list[tuple[Case, ...]] = []
    for case in cases:
        if case.way is Way.LONE:
            if case is lone[0]:
                steps.append(lone)
        elif case.way is not Way.DERIVED:
            steps.append((case,))
    return steps


def _first_of_each_kind(cases: Sequence[Case]) -> list[Case]:
    """The cases whose load warms what the others of their kind need."""
    kinds: dict[tuple[str, bool], Case] = {}
    for case in cases:
        if case.way is Way.LOAD:
            kinds.setdefault((case.server, case.pings > 0), case)
    return list(kinds.values())


class Measuring:
    """The measuring of a run."""

    def __init__(self, stage: Stage, drive: Drive, lengths: Lengths) -> None:
        self._stage = stage
        self._drive = drive
        self._lengths = lengths

    def run(self, cases: Sequence[Case], rounds: int, tell: Tell) -> dict[str, list[Round]]:
        """All rounds by the name of their case. Each server is warm before anything counts."""
        steps = steps_of(cases)
        measured: dict[str, list[Round]] = {case.name: [] for step in steps for case in step}
        for case in _first_of_each_kind(cases):
            self._load(case, WARM_UP_S)
        for number in range(rounds):
            for place, step in enumerate(steps, start=number * len(steps) + 1):
                tell(place, rounds * len(steps), step, None)
                done = self._measure(step)
                tell(place, rounds * len(steps), step, done)
                for case, one in zip(step, done, strict=True):
                    measured[case.name].append(one)
        return measured

    def _measure(self, step: Sequence[Case]) -> list[Round]:
        (case, *_), lengths = step, self._lengths
        match case.way:
            case Way.LONE:
                servers = [self._stage.servers[one.server] for one in step]
                return measure_lone(servers, [self._request(one, lengths.lone_s) for one in step])
            case Way.SCRIPT:
                return [self._script(case)]
            case Way.DRAIN:
                server = self._stage.servers[case.server]
                return [
                    measure_drain(
                        server, self._stage.count_rows, self._stage.keys, lengths.drain_rows, case.metrics
                    )
                ]
        return [self._load(case, lengths.load_s)]

    def _request(self, case: Case, seconds_s: float) -> Load:
        server = self._stage.servers[case.server]
        return Load(
            port=server.port,
            requests=requests_of(case, server.host, self._stage.keys),
            connections=case.connections,
            seconds_s=seconds_s,
            closes=case.closes,
        )

    def _load(self, case: Case, seconds_s: float) -> Round:
        server = self._stage.servers[case.server]
        return measure(server, self._request(case, seconds_s), self._drive, case.pings or 1)

    def _script(self, case: Case) -> Round:
        alone = self._stage.script
        if alone is None:
            raise BenchFailed("there is no server for the script alone")
        monitors, seconds_s = len(self._stage.keys), self._lengths.script_s
        return run_script(alone.server, alone.url, alone.generation, monitors, case.pings, seconds_s)


def in_words(cases: Sequence[Case], rounds: Sequence[Round]) -> str:
    """What a round said, in a few words."""
    last, one = cases[-1], rounds[-1]
    if last.figure is Figure.P99:
        return f"p99 {one.result.p99_ms:.2f} ms"
    what = "replies" if last.server in (EMPTY, STARLETTE) else "rows" if last.way is Way.DRAIN else "pings"
    spent = sum(one.per_ping_us(part) or 0.0 for part in last.counted)
    return f"{one.per_second:,.0f} {what}/s, {spent:.1f} µs"
