"""How late pings came, by steps of time: each against the one before and the interval, or against its tick. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from operator import sub

import msgspec


class Lateness(msgspec.Struct, frozen=True):
    """The pings of a step that begins at `at_ms`: the earliest, the average and the latest against what was expected.

    Below zero is early.
    """

    at_ms: int
    low_ms: int
    average_ms: float
    high_ms: int
    count: int


def lateness_by_step(
    arrivals_ms: Sequence[int], before_ms: int | None, interval_ms: int, step_ms: int
) -> Iterator[Lateness]:
    """Steps in which a ping came, oldest first. The first ping of all was expected at no moment.

    `arrivals_ms` grow; `before_ms` is the ping before the first of them, if there was one.
    """
    known = [*([] if before_ms is None else [before_ms]), *arrivals_ms]
    first = 1
    while first < len(known):
        at_ms = known[first] // step_ms * step_ms
        end = bisect_left(known, at_ms + step_ms, first)
        gaps_ms = list(map(sub, known[first:end], known[first - 1 : end - 1]))
        yield Lateness(
            at_ms=at_ms,
            low_ms=min(gaps_ms) - interval_ms,
            average_ms=(known[end - 1] - known[first - 1]) / len(gaps_ms) - interval_ms,
            high_ms=max(gaps_ms) - interval_ms,
            count=len(gaps_ms),
        )
        first = end


def lateness_by_ticks(
    arrivals_ms: Sequence[int], before_ms: int | None, ticks_ms: Iterator[int], step_ms: int
) -> Iterator[Lateness]:
    """The same of a schedule: each ping was expected at the first tick after the one before it.

    `ticks_ms` ascend, and begin after the first ping that is known.
    """
    tick = next(ticks_ms, None)
    late: list[tuple[int, int]] = []
    for former_ms, at_ms in pairwise([*([] if before_ms is None else [before_ms]), *arrivals_ms]):
        while tick is not None and tick <= former_ms:
            tick = next(ticks_ms, None)
        if tick is not None:
            late.append((at_ms, at_ms - tick))
    for at_ms, pings in groupby(late, lambda one: one[0] // step_ms * step_ms):
        by_ms = [by for _, by in pings]
        yield Lateness(at_ms, min(by_ms), sum(by_ms) / len(by_ms), max(by_ms), len(by_ms))
