"""The rows of the table: what is measured, beside what, and against which bar. A new row is a new line here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.case import (
    EMPTY,
    EVERYTHING,
    PLAIN,
    RECORDER,
    REDIS,
    STARLETTE,
    Bar,
    Case,
    Figure,
    Way,
)
from bench.load import BenchFailed

SINGLE, CLOSE, LONE, BATCH, SCRIPT, DRAIN = "single", "close", "lone", "batch", "script", "recorder"
EMPTY_64 = "empty ASGI reply, 64 connections"
EMPTY_256 = "empty ASGI reply, 256 connections"
EMPTY_CLOSE = "empty ASGI reply, a connection each"
EMPTY_LONE = "empty ASGI reply, 2 a second"
PING_64 = "recorded ping, 64 connections"
ONE_A_CALL = "record.lua, 1 a call"
BATCH_BAR = Bar(at_most=8, of_ratio=False)


def _batch(items: int, written: str) -> Case:
    return Case(
        name=f"batches of {items:,}, {written}",
        group=BATCH,
        connections=4,
        pings=items,
        written=written,
        reference=PING_64,
        bar=BATCH_BAR,
    )


def _script(pings: int) -> Case:
    reference = "" if pings == 1 else ONE_A_CALL
    name = ONE_A_CALL if pings == 1 else f"record.lua, {pings} a call"
    return Case(name=name, group=SCRIPT, way=Way.SCRIPT, pings=pings, counted=(REDIS,), reference=reference)


def _drain(name: str, metrics: bool) -> Case:
    return Case(
        name=name,
        group=DRAIN,
        way=Way.DRAIN,
        metrics=metrics,
        counted=(RECORDER,),
        figure=Figure.RATE,
        reference=PING_64,
    )


def all_cases(items: int) -> tuple[Case, ...]:
    """Every row, in order; a reference stands before those that name it. `items`: pings in a batch."""
    return (
        Case(name=EMPTY_64, group=SINGLE, server=EMPTY, connections=64),
        Case(
            name=PING_64,
            group=SINGLE,
            connections=64,
            reference=EMPTY_64,
            bar=Bar(at_most=1.0, aim=0.6),
        ),
        Case(
            name="… with recorder and sweeper",
            group=SINGLE,
            way=Way.DERIVED,
            source=PING_64,
            counted=EVERYTHING,
            reference=EMPTY_64,
            bar=Bar(at_most=1.5),
        ),
        Case(
            name="recorded ping, OVERDUE_LANE=off, 64",
            group="plain",
            server=PLAIN,
            connections=64,
            reference=EMPTY_64,
        ),
        Case(
            name="empty Starlette reply, 64 connections",
            group="starlette",
            server=STARLETTE,
            connections=64,
            reference=EMPTY_64,
        ),
        Case(name=EMPTY_256, group=SINGLE, server=EMPTY, connections=256),
        Case(name="recorded ping, 256 connections", group=SINGLE, connections=256, reference=EMPTY_256),
        Case(name=EMPTY_CLOSE, group=CLOSE, server=EMPTY, connections=64, closes=True),
        Case(
            name="recorded ping, a connection each",
            group=CLOSE,
            connections=64,
            closes=True,
            reference=EMPTY_CLOSE,
        ),
        Case(name=EMPTY_LONE, group=LONE, way=Way.LONE, server=EMPTY, figure=Figure.P99),
        Case(
            name="recorded ping, 2 a second",
            group=LONE,
            way=Way.LONE,
            figure=Figure.P99,
            reference=EMPTY_LONE,
            bar=Bar(at_most=5, of_ratio=False),
        ),
        *(_batch(items, written) for written in ("NDJSON", "JSON array", "NDJSON in gzip")),
        *(_script(pings) for pings in (1, 64, 512)),
        _drain("recorder, rows without metrics", metrics=False),
        _drain("recorder, rows with 2 metrics", metrics=True),
    )


def groups() -> list[str]:
    return list(dict.fromkeys(case.group for case in all_cases(1)))


def choose(wanted: Iterable[str], items: int) -> tuple[Case, ...]:
    """The cases of some groups, with those that they are compared with. Raises BenchFailed for an unknown group."""
    names = set(wanted)
    if unknown := names - set(groups()):
        raise BenchFailed(f"no such rows: {', '.join(sorted(unknown))}; there are {', '.join(groups())}")
    every = all_cases(items)
    needed: set[str] = set()
    for case in every:
        if case.group in names:
            needed.update(_with_references(case, every))
    return tuple(case for case in every if case.name in needed)


def _with_references(case: Case, every: Sequence[Case]) -> Iterator[str]:
    yield case.name
    for other in every:
        if other.name in (case.reference, case.source):
            yield from _with_references(other, every)
