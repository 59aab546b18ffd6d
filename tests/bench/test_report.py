"""The table, and what is said of it."""

from __future__ import annotations

import msgspec
import pytest

from bench.__main__ import conclude
from bench.case import Round
from bench.report import Setting, bar_sentences, markdown_table, printed, recorded_sentence, table
from bench.row import Row
from tests.bench.test_row import a_ping_round, a_round, an_empty_round, compared


def measured(*pings: Round) -> list[Row]:
    return compared([an_empty_round(50_000)] * len(pings), list(pings))


def a_setting() -> Setting:
    return Setting(
        now_ms=1_772_416_893_000,
        machine="Some CPU, 2 cores",
        busy=0.25,
        versions="Python 3.11",
        commit="0123abc",
        load="wrk 4",
    )


def test_the_table_is_aligned_and_numbered() -> None:
    lines = table(measured(a_ping_round(20_000, 10_000))).splitlines()

    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]
    assert len({line.find("µs") for line in lines[1:]}) == 1


def test_a_part_that_a_row_does_not_have_is_a_dash() -> None:
    empty, ping, _ = table(measured(a_ping_round(20_000, 10_000))).splitlines()[1:]

    assert empty.split()[-9:] == ["50.0", "-", "-", "-", "-", "50.0", "µs", "-", "-"]
    assert (
        "20.0   10.0       7.0      0.5          -  30.0 µs  50.0 µs (1)   0.60  ≤ 1.00 (aim 0.60): met"
        in ping
    )


@pytest.mark.parametrize(("redis_us", "verdict"), [(30_000, "met"), (30_100, "MISSED")])
def test_a_bar_is_said_to_be_met_or_missed(redis_us: int, verdict: str) -> None:
    ping, _ = bar_sentences(measured(a_ping_round(20_000, redis_us)))

    assert ping.startswith(
        "row 2 (recorded ping, 64 connections): 1.00 times row 1 (single rounds: 1.00 to 1.00), "
    )
    assert ping.endswith(f"bar ≤ 1.00 (aim 0.60): {verdict}.")


def test_a_page_has_the_same_cells() -> None:
    lines = markdown_table(measured(a_ping_round(20_000, 10_000))).splitlines()

    assert len({line.count("|") for line in lines}) == 1
    assert "| 2 | recorded ping, 64 connections | 500 | 3.00 | 9.00 | 20.0 | 10.0 | 7.0 |" in lines[3]


def test_what_was_answered_and_cut_is_said_once_although_a_round_serves_two_rows() -> None:
    sentence = recorded_sentence(measured(a_ping_round(1, 1)))

    assert sentence.startswith("All 1,000 answered pings are in overdue_pings_total and in history.db; ")
    assert "at most the 64 that" in sentence


def test_a_fault_is_said_with_its_row_and_fails_the_bench(capsys: pytest.CaptureFixture[str]) -> None:
    broken = msgspec.structs.replace(
        a_round(ingest=1), faults=("1000 answered, but history.db grew by 999 rows",)
    )
    found = measured(broken)

    assert conclude(a_setting(), found, write=True) == 1
    assert "row 2 (recorded ping, 64 connections): 1000 answered, but history.db" in capsys.readouterr().out
    assert conclude(a_setting(), measured(a_ping_round(9_000_000, 1)), write=False) == 0


def test_the_circumstances_are_said() -> None:
    said = printed(a_setting(), measured(a_ping_round(1, 1)))

    assert "Date: 2026-03-02 02:01 UTC, commit 0123abc\n" in said
    assert "Machine: Some CPU, 2 cores; 0.2 processes running on average in the minute before\n" in said
    assert "shares the cores" in said
