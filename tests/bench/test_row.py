"""Medians, ratios, and bars."""

from __future__ import annotations

import pytest

from bench.case import PING, RECORDER, REDIS, REDIS_READ_OUT, SWEEPER, WEB, Bar, Case, Figure, Round, Way
from bench.cases import EMPTY_64, PING_64, all_cases
from bench.load import LoadResult
from bench.row import Row, rows

EMPTY_CASE, PING_CASE, ALL_CASE = all_cases(1000)[:3]


def a_round(answered: int = 1000, *, pings: int = 1, p99_ms: float = 9.0, **cpu_us: int) -> Round:
    result = LoadResult(answered=answered, elapsed_s=2.0, p50_ms=3.0, p99_ms=p99_ms, cut=64)
    return Round(result=result, cpu_us=cpu_us, pings_per_reply=pings)


def an_empty_round(web_us: int) -> Round:
    return a_round(ingest=web_us)


def a_ping_round(web_us: int, redis_us: int) -> Round:
    cpu_us = {WEB: web_us, REDIS: redis_us, REDIS_READ_OUT: redis_us + 1_000, RECORDER: 7_000, SWEEPER: 500}
    return a_round(**cpu_us)


def compared(empties: list[Round], pings: list[Round]) -> list[Row]:
    return rows([EMPTY_CASE, PING_CASE, ALL_CASE], {EMPTY_64: empties, PING_64: pings})


def test_figures_are_medians_and_ratios_are_of_medians() -> None:
    empty, ping, _ = compared(
        [an_empty_round(us) for us in (40_000, 50_000, 90_000)],
        [a_ping_round(60_000, 20_000), a_ping_round(70_000, 30_000), a_ping_round(500_000, 10_000)],
    )

    assert (empty.figure, empty.ratio, empty.reference) == (50.0, None, 0)
    assert (ping.cpu_us[WEB], ping.cpu_us[REDIS], ping.figure) == (70.0, 20.0, 100.0)
    assert (ping.ratio, ping.reference, ping.reference_figure) == (2.0, 1, 50.0)


def test_single_rounds_are_compared_with_the_round_beside_them() -> None:
    _, ping, _ = compared(
        [an_empty_round(us) for us in (40_000, 50_000)],
        [a_ping_round(60_000, 20_000), a_ping_round(100_000, 50_000)],
    )

    assert ping.round_ratios == (2.0, 3.0)


def test_everything_together_has_the_recorder_the_sweeper_and_redis_until_all_is_read() -> None:
    _, ping, everything = compared([an_empty_round(50_000)], [a_ping_round(20_000, 10_000)])

    assert (everything.figure, everything.ratio) == (20 + 11 + 7 + 0.5, 38.5 / 50)
    assert (ping.cpu_us[REDIS], everything.cpu_us[REDIS]) == (10.0, 11.0)
    assert (ping.pings, everything.pings) == (1000, 0)


def test_what_a_batch_costs_is_per_ping_and_not_per_request() -> None:
    case = Case(name="batch", group="batch", pings=100)
    (row,) = rows([case], {"batch": [a_round(10, pings=100, ingest=5_000, Redis=3_000)]})

    assert (row.figure, row.per_second, row.pings, row.cut) == (8.0, 500.0, 1000, 6400)


def test_a_round_without_answers_has_no_cost() -> None:
    (row,) = rows([EMPTY_CASE], {EMPTY_64: [a_round(0, ingest=9)]})

    assert (row.cpu_us[WEB], row.figure) == (None, 0.0)


def test_of_a_lone_sender_the_worst_round_counts() -> None:
    case = Case(name="lone", group="lone", way=Way.LONE, figure=Figure.P99, server=PING)
    (row,) = rows([case], {"lone": [a_round(p99_ms=ms) for ms in (1.0, 7.0, 2.0)]})

    assert (row.figure, row.p99_ms) == (7.0, 7.0)


def test_a_rate_is_compared_with_a_rate() -> None:
    drain = Case(name="drain", group="recorder", figure=Figure.RATE, reference=PING_64)
    measured = {EMPTY_64: [an_empty_round(1)], PING_64: [a_ping_round(1, 1)], "drain": [a_round(3000)]}
    row = rows([EMPTY_CASE, PING_CASE, drain], measured)[-1]

    assert (row.figure, row.reference_figure, row.ratio) == (1500.0, 500.0, 3.0)


@pytest.mark.parametrize(
    ("of_ratio", "at_most", "is_met"),
    [(True, 2.0, True), (True, 1.9, False), (False, 100, True), (False, 99, False)],
)
def test_a_bar_is_of_the_ratio_or_of_the_figure(of_ratio: bool, at_most: float, is_met: bool) -> None:
    case = Case(name="x", group="x", reference=EMPTY_64, bar=Bar(at_most=at_most, of_ratio=of_ratio))
    row = rows([EMPTY_CASE, case], {EMPTY_64: [an_empty_round(50_000)], "x": [a_ping_round(60_000, 40_000)]})[
        1
    ]

    assert row.is_met is is_met


def test_a_row_without_a_bar_meets_and_misses_none() -> None:
    assert compared([an_empty_round(1)], [a_ping_round(1, 1)])[0].is_met is None
