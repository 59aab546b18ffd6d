"""The figures of the large bench, each beside its bar, as a table and as a section of bench/RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.load import BenchFailed

RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = "# Figures\n\nMeasured, not promised: how to measure them again stands in each section.\n"
MARK = "million"
HEADINGS = ("what", "figure", "bar", "")
MET, MISSED = "met", "MISSED"


class Figure(msgspec.Struct, frozen=True):
    """One row. Without a bar it is there to be known."""

    what: str
    value: float | None
    unit: str
    bar: float | None = None
    form: str = ",.1f"

    @property
    def is_met(self) -> bool:
        return self.bar is None or (self.value is not None and self.value <= self.bar)

    def cells(self) -> tuple[str, ...]:
        value = "never" if self.value is None else f"{self.value:{self.form}} {self.unit}".strip()
        if self.bar is None:
            return (self.what, value, "", "")
        return (self.what, value, f"≤ {self.bar:g} {self.unit}".strip(), MET if self.is_met else MISSED)


def table(figures: Sequence[Figure]) -> str:
    """Aligned for a terminal."""
    lines = [HEADINGS, *(one.cells() for one in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if not at else cell.rjust(w)
            for at, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def verdict(figures: Sequence[Figure]) -> str:
    """How many bars were met, in a sentence."""
    barred = [one for one in figures if one.bar is not None]
    missed = [one.what for one in barred if not one.is_met]
    if not missed:
        return f"All {len(barred)} bars are met."
    return f"{len(barred) - len(missed)} of {len(barred)} bars are met; missed: {'; '.join(missed)}."


def section(about: Sequence[str], figures: Sequence[Figure], remarks: Sequence[str]) -> str:
    """What bench/RESULTS.md shows."""
    rows = [HEADINGS, ("---", "---:", "---:", "---"), *(one.cells() for one in figures)]
    parts = [
        "## A million monitors",
        "\n".join(f"- {line}" for line in about),
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        verdict(figures),
        "\n".join(f"- {line}" for line in remarks),
    ]
    return "\n\n".join(parts)


def write_section(text: str, path: Path = RESULTS) -> None:
    """Put our section into the page in the place of its former self, or at the end; nothing else changes.

    Raises:
        BenchFailed: the page has one of the section's two marks, but not the other after it.
    """
    begin, end = f"<!-- {MARK}: begin -->", f"<!-- {MARK}: end -->"
    page = path.read_text(encoding="utf-8") if path.exists() else TITLE
    ours = f"{begin}\n\n{text.strip()}\n\n{end}\n"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if bool(found) != bool(closed) or (not found and end in page):
        raise BenchFailed(f"{path.name} has a damaged section {MARK!r}: its marks are no pair")
    if found:
        path.write_text(before + ours + after.removeprefix("\n"), encoding="utf-8")
    else:
        path.write_text(f"{page.rstrip()}\n\n{ours}", encoding="utf-8")
