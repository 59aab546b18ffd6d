"""The large bench: what it makes of its figures; and the whole of it, small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.million_figures import Figure, section, table, verdict
from bench.million_fleet import read_fleet, write_file
from bench.million_slowlog import LEAST_US, Scripts
from bench.results import write_section

ROOT = Path(__file__).parent.parent.parent
GOOD = Figure("start", 4.04, "s", 5)
BAD = Figure("ping", 61.0, "ms", 50)
NEVER = Figure("events", None, "s", 10)
PLAIN = Figure("rate", 12_345.0, "/s", None, ",.0f")


def test_a_figure_stands_beside_its_bar() -> None:
    assert [one.cells() for one in (GOOD, BAD, NEVER, PLAIN)] == [
        ("start", "4.0 s", "≤ 5 s", "met"),
        ("ping", "61.0 ms", "≤ 50 ms", "MISSED"),
        ("events", "never", "≤ 10 s", "MISSED"),
        ("rate", "12,345 /s", "", ""),
    ]
    first, second = table([GOOD, PLAIN]).splitlines()[1:]
    assert first.index("4.0 s") + len("4.0 s") == second.index("12,345 /s") + len("12,345 /s")


def test_the_verdict_names_what_was_missed() -> None:
    assert verdict([GOOD, PLAIN]) == "All 1 bars are met."
    assert verdict([GOOD, BAD, NEVER]) == "1 of 3 bars are met; missed: ping; events."


def test_a_section_replaces_its_former_self_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    page.write_text("# Figures\n\nabout pings\n", encoding="utf-8")
    write_section("million", section(["then"], [BAD], []), page)
    page.write_text(page.read_text(encoding="utf-8") + "\nmore\n", encoding="utf-8")

    write_section("million", section(["now"], [GOOD], ["so it is"]), page)

    text = page.read_text(encoding="utf-8")
    assert text.startswith(
        "# Figures\n\nabout pings\n\n<!-- million: begin -->\n\n## A million monitors\n\n- now\n"
    )
    assert "| start | 4.0 s | ≤ 5 s | met |" in text
    assert text.endswith("- so it is\n\n<!-- million: end -->\n\nmore\n")
    assert "ping |" not in text


def test_percentiles_are_of_all_calls_though_only_the_slow_ones_are_listed() -> None:
    scripts = Scripts(1000, {"sweep": (7000, 900), "record": tuple([3000] * 9)})
    assert scripts.percentile_ms(0.999) == 3.0
    assert scripts.percentile_ms(0.99) == 0.9
    assert scripts.percentile_ms(0.9) == LEAST_US / 1000
    assert scripts.slowest() == ("sweep", 7.0)
    assert Scripts(5, {}).slowest() == ("none", LEAST_US / 1000)


def test_a_fleet_is_read_as_the_import_prints_it(tmp_path: Path) -> None:
    file = write_file(tmp_path / "in", 2, 60, (30, 1))
    assert file.read_text(encoding="utf-8").splitlines() == [
        '{"name":"nightly backup 000000","interval":60,"gracePeriod":30}',
        '{"name":"nightly backup 000001","interval":60,"gracePeriod":1}',
    ]
    (tmp_path / "out").write_text('{"id":"i","name":"n","pingUrl":"http://h:1/ping/abc"}\n', encoding="utf-8")
    fleet = read_fleet(tmp_path / "out", tmp_path / "paths")
    assert (list(fleet.keys), fleet.paths.read_text()) == (["abc"], "/ping/abc\n")


@pytest.mark.slow
def test_the_whole_of_it_small(short_path: Path) -> None:
    command = [sys.executable, "-m", "bench.million", "--monitors", "2000", "--rounds", "1", "--seconds", "1"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(short_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
    )

    assert "bars are met" in ended.stdout, ended.stderr
    assert "200 deadlines in a second: all events after" in ended.stdout
    assert "never" not in ended.stdout
    assert list(short_path.iterdir()) == []
