"""Medians, ratios, the table, and what is said of them."""

from __future__ import annotations

import pytest

from bench.case import EMPTY, PING, RECORDER, REDIS, SWEEPER, WEB, Case, Round, Row, cases, rows
from bench.load import LoadResult
from bench.report import Setting, bar_sentence, printed, results_page, table

EMPTY_CASE, PING_CASE = cases(64)


def a_round(cpu_us: dict[str, int], *, answered: int = 1000, faults: tuple[str, ...] = ()) -> Round:
    result = LoadResult(answered=answered, refused=0, errors=0, elapsed_s=2.0, p50_ms=3.0, p99_ms=9.0, cut=64)
    return Round(result=result, cpu_us=cpu_us, faults=faults)


def an_empty_round(web_us: int) -> Round:
    return a_round({WEB: web_us})


def a_ping_round(web_us: int, redis_us: int, faults: tuple[str, ...] = ()) -> Round:
    return a_round({WEB: web_us, REDIS: redis_us, RECORDER: 7_000, SWEEPER: 500}, faults=faults)


def measured(*pings: Round) -> list[Row]:
    return rows([(EMPTY_CASE, [an_empty_round(50_000)]), (PING_CASE, list(pings))])


def a_setting() -> Setting:
    return Setting(
        now_ms=1_772_416_893_000,
        machine="Some CPU, 2 cores",
        busy=0.25,
        versions="Python 3.11",
        generator="wrk 4",
        rounds=3,
        seconds_s=8.0,
        monitors=1000,
    )


def test_figures_are_medians_and_ratios_are_of_medians() -> None:
    empties = [an_empty_round(us) for us in (40_000, 50_000, 90_000)]
    pings = [a_ping_round(60_000, 20_000), a_ping_round(70_000, 30_000), a_ping_round(500_000, 10_000)]

    empty, ping = rows([(EMPTY_CASE, empties), (PING_CASE, pings)])

    assert (empty.answering_us, empty.ratio) == (50.0, None)
    assert (ping.cpu_us[WEB], ping.cpu_us[REDIS], ping.answering_us, ping.ratio) == (70.0, 20.0, 100.0, 2.0)


def test_single_rounds_are_compared_with_the_round_beside_them() -> None:
    empties = [an_empty_round(us) for us in (40_000, 50_000)]
    pings = [a_ping_round(60_000, 20_000), a_ping_round(100_000, 50_000)]

    found = rows([(EMPTY_CASE, empties), (PING_CASE, pings)])

    assert (found[0].round_ratios, found[1].round_ratios) == ((), (2.0, 3.0))
    assert "single rounds: 2.00 to 3.00" in bar_sentence(found)


def test_a_case_is_compared_with_the_reference_of_its_own_connections() -> None:
    alone_empty, alone_ping = cases(1)
    found = rows(
        [
            (EMPTY_CASE, [an_empty_round(50_000)]),
            (alone_empty, [an_empty_round(200_000)]),
            (alone_ping, [a_ping_round(200_000, 100_000)]),
        ]
    )

    assert found[-1].ratio == 1.5


def test_the_order_of_magnitude_is_per_answered_request() -> None:
    (row,) = rows([(EMPTY_CASE, [a_round({WEB: 50_000}, answered=2000)])])

    assert (row.answering_us, row.per_second) == (25.0, 1000.0)


def test_a_part_that_a_case_does_not_have_is_a_dash() -> None:
    lines = table(measured(a_ping_round(70_000, 30_000))).splitlines()

    assert lines[1].split()[-6:] == ["50.0", "-", "-", "-", "50.0", "-"]
    assert lines[2].split()[-6:] == ["70.0", "30.0", "7.0", "0.5", "100.0", "2.00"]


def test_the_table_is_aligned() -> None:
    lines = table(measured(a_ping_round(70_000, 30_000))).splitlines()

    assert len({len(line) for line in lines}) == 1
    assert lines[0].startswith("case") and lines[2].startswith("ping ")


@pytest.mark.parametrize(("redis_us", "words"), [(55_000, "2.50 times"), (55_100, "MISSED")])
def test_the_bar_is_said_to_be_held_or_missed(redis_us: int, words: str) -> None:
    sentence = bar_sentence(measured(a_ping_round(70_000, redis_us)))

    assert words in sentence
    assert sentence.endswith("held." if redis_us == 55_000 else "MISSED.")


def test_a_run_without_the_headline_connections_says_that_the_bar_was_not_measured() -> None:
    (empty, ping) = cases(1)

    sentence = bar_sentence(rows([(empty, [an_empty_round(1)]), (ping, [a_ping_round(1, 1)])]))

    assert "not measured" in sentence


def test_a_fault_is_said_with_its_connections() -> None:
    found = measured(a_ping_round(1, 1, faults=("1000 answered, but history.db grew by 999 rows",)))

    assert found[1].faults
    assert "64 connections: 1000 answered, but history.db grew by 999 rows" in printed(a_setting(), found)


def test_refusals_and_errors_are_said() -> None:
    result = LoadResult(answered=9, refused=2, errors=1, elapsed_s=1.0, p50_ms=1.0, p99_ms=1.0, cut=0)
    found = rows([(Case(name=PING, server=PING, connections=8), [Round(result=result, cpu_us={WEB: 9})])])

    assert "ping over 8: 2 refused, 1 errors" in printed(a_setting(), found)


def test_a_round_without_answers_has_no_cost_per_answer() -> None:
    (row,) = rows([(Case(name=EMPTY, server=EMPTY, connections=1), [a_round({WEB: 9}, answered=0)])])

    assert (row.cpu_us[WEB], row.answering_us) == (None, 0.0)


def test_the_page_of_results_says_machine_versions_date_and_that_cores_are_shared() -> None:
    page = results_page(a_setting(), measured(a_ping_round(70_000, 30_000)))

    assert (
        "- Machine: Some CPU, 2 cores; 0.2 processes running on average in the minute before\n- Versions: Python 3.11\n"
        in page
    )
    assert "- Date: 2026-03-02 02:01 UTC" in page
    assert "- Load: wrk 4, 3 rounds of 8 s each, 1000 monitors" in page
    assert "shares the cores" in page.replace("\n", " ")
