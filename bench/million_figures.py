"""The figures of the large bench, each beside its bar, as a table and as a section of bench/RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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
