"""From rounds to rows: medians, ratios, and whether the bar is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from bench.case import EVERYTHING, PARTS, REDIS, REDIS_READ_OUT, Case, Figure, Round, Way


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A case with the medians of its rounds; of a lone sender's few pings the worst round. What it has not is None.

    `round_ratios` compare each round with the reference's round beside it: the less they scatter, the more the ratio
    of the medians is worth. `reference` is the reference's place in the table, from 1.
    """

    case: Case
    figure: float
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float | None]
    reference: int = 0
    reference_figure: float | None = None
    ratio: float | None = None
    round_ratios: tuple[float, ...] = ()
    pings: int = 0
    cut: int = 0
    faults: tuple[str, ...] = ()

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is met; None if there is none, or nothing to hold against it."""
        bar = self.case.bar
        value = None if bar is None else self.ratio if bar.of_ratio else self.figure
        return None if bar is None or value is None else value <= bar.at_most


def rows(cases: Sequence[Case], measured: Mapping[str, Sequence[Round]]) -> list[Row]:
    """One row a case; ratios are of medians."""
    places = {case.name: place for place, case in enumerate(cases, start=1)}
    by_name = {case.name: case for case in cases}
    return [
        _row(case, measured, by_name.get(case.reference), places.get(case.reference, 0)) for case in cases
    ]


def _row(case: Case, measured: Mapping[str, Sequence[Round]], reference: Case | None, place: int) -> Row:
    rounds = measured[case.source or case.name]
    figures = [one.figure(case) for one in rounds]
    others: list[float] = []
    if reference is not None:
        # A rate is compared with a rate, whatever the reference itself is about.
        asked = case if case.figure is Figure.RATE else reference
        others = [one.figure(asked) for one in measured[reference.name]]
    middle = max if case.figure is Figure.P99 else median
    other = middle(others) if others else None
    is_derived = case.way is Way.DERIVED
    return Row(
        case=case,
        figure=middle(figures),
        per_second=median(one.per_second for one in rounds),
        p50_ms=median(one.result.p50_ms for one in rounds),
        p99_ms=middle(one.result.p99_ms for one in rounds),
        cpu_us={part: _median_us(_read_out(part, case), rounds) for part in PARTS},
        reference=place,
        reference_figure=other,
        ratio=middle(figures) / other if other else None,
        round_ratios=tuple(ours / theirs for ours, theirs in zip(figures, others, strict=False) if theirs),
        pings=0 if is_derived else sum(one.pings for one in rounds),
        cut=0 if is_derived else sum(one.result.cut * one.pings_per_reply for one in rounds),
        faults=() if is_derived else tuple(fault for one in rounds for fault in one.faults),
    )


def _read_out(part: str, case: Case) -> str:
    return REDIS_READ_OUT if part == REDIS and case.counted == EVERYTHING else part


def _median_us(part: str, rounds: Sequence[Round]) -> float | None:
    found = [spent for one in rounds if (spent := one.per_ping_us(part)) is not None]
    return median(found) if found else None
