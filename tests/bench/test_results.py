"""The page of results: whose section is whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load import BenchFailed
from bench.results import TITLE, section_of, write_section
from tests.bench.test_report import a_setting, measured
from tests.bench.test_row import a_ping_round


def test_a_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    write_section("bench", "first", page)
    write_section("bench-million", "a million", page)
    former = page.read_text()
    write_section("bench", "second", page)

    assert former.startswith(TITLE)
    assert page.read_text() == former.replace("first", "second")
    write_section("bench-million", "two million", page)
    assert page.read_text() == former.replace("first", "second").replace("a million", "two million")


@pytest.mark.parametrize("page", ["<!-- bench: begin -->\ntext", "text <!-- bench: end -->"])
def test_a_page_whose_marks_are_no_pair_is_left_alone(tmp_path: Path, page: str) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(page)

    with pytest.raises(BenchFailed, match="damaged"):
        write_section("bench", "text", path)
    assert path.read_text() == page


def test_the_section_says_where_the_figures_come_from_and_that_cores_are_shared() -> None:
    section = section_of(a_setting(), measured(a_ping_round(20_000, 10_000)))

    assert section.startswith(
        "## What a ping costs\n\n- Date: 2026-03-02 02:01 UTC, commit 0123abc\n- Machine: "
    )
    assert "| recorded ping, 64 connections |" in section
    assert "load generator shares the cores" in section
