"""Says the figures: one table, a sentence on each bar, and whether what was answered was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bench.case import EMPTY, PARTS, STARLETTE, Figure, Way
from bench.row import Row

HEADINGS = ("", "row", "per second", "p50 ms", "p99 ms", *PARTS, "figure", "reference", "ratio", "bar")
LEFT = ("row", "bar")

REMARKS = (
    "CPU is in microseconds a ping (a reply where nothing is pinged, a row where the recorder drains), from the",
    "operating system's accounts: user and system time, all threads. A yardstick's web server stands under ingest.",
    "The figure is ingest + Redis, or what the row is about: Redis alone for record.lua, time for a lone sender,",
    "rows a second for the recorder. The reference is the same of the row whose number stands beside it. Rounds take",
    "turns; figures are medians of the rounds (for the lone sender the worst), ratios are of medians.",
    "The load generator shares the cores with what it measures: throughput and latency are what is left beside it.",
    "Its own CPU is shown and not counted.",
)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a run, in words."""

    now_ms: int
    machine: str
    busy: float
    versions: str
    commit: str
    load: str

    def lines(self) -> list[str]:
        date = datetime.fromtimestamp(self.now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        busy = f"{self.busy:.1f} processes running on average in the minute before"
        return [
            f"Date: {date}, commit {self.commit}",
            f"Machine: {self.machine}; {busy}",
            f"Versions: {self.versions}",
            f"Load: {self.load}",
        ]


def table(rows: Sequence[Row]) -> str:
    """The rows under their headings, for a terminal."""
    lines = [HEADINGS, *_cells(rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    columns = zip(cells, widths, HEADINGS, strict=True)
    return "  ".join(
        cell.ljust(width) if heading in LEFT else cell.rjust(width) for cell, width, heading in columns
    ).rstrip()


def markdown_table(rows: Sequence[Row]) -> str:
    """The same for a page."""
    rule = [":--" if heading in LEFT else "--:" for heading in HEADINGS]
    return "\n".join("| " + " | ".join(line) + " |" for line in (HEADINGS, rule, *_cells(rows)))


def _cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    return [
        (
            str(place),
            row.case.name,
            f"{row.per_second:,.0f}" if row.case.way is not Way.LONE else "2",
            _optional(row.p50_ms or None, ".2f"),
            _optional(row.p99_ms or None, ".2f"),
            *(_optional(row.cpu_us.get(part), ".1f") for part in PARTS),
            _figure(row, row.figure),
            "-"
            if row.reference_figure is None
            else f"{_figure(row, row.reference_figure)} ({row.reference})",
            _optional(row.ratio, ".2f"),
            _bar(row),
        )
        for place, row in enumerate(rows, start=1)
    ]


def _optional(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _figure(row: Row, value: float) -> str:
    unit = row.case.figure
    return f"{value:,.0f}{unit}" if unit is Figure.RATE else f"{value:.1f} {unit}"


def _bar(row: Row) -> str:
    if row.case.bar is None:
        return ""
    return f"{_at_most(row)}: {_verdict(row)}"


def _at_most(row: Row) -> str:
    bar = row.case.bar
    if bar is None:
        return ""
    at_most = f"≤ {bar.at_most:.2f}" if bar.of_ratio else f"≤ {bar.at_most:g} {row.case.figure}"
    return f"{at_most} (aim {bar.aim:.2f})" if bar.aim is not None else at_most


def _verdict(row: Row) -> str:
    return {True: "met", False: "MISSED", None: "not measured"}[row.is_met]


def bar_sentences(rows: Sequence[Row]) -> list[str]:
    """Whether a ping is as cheap as it has to be, in words."""
    return [f"{_name(row, rows)}: {_said(row)}, bar {_bar(row)}." for row in rows if row.case.bar is not None]


def _name(row: Row, rows: Sequence[Row]) -> str:
    return f"row {rows.index(row) + 1} ({row.case.name})"


def _said(row: Row) -> str:
    if row.case.bar is None or not row.case.bar.of_ratio or row.ratio is None:
        return _figure(row, row.figure)
    scattered = f"single rounds: {min(row.round_ratios):.2f} to {max(row.round_ratios):.2f}"
    return f"{row.ratio:.2f} times row {row.reference} ({scattered})"


def recorded_sentence(rows: Sequence[Row]) -> str:
    """Whether what was answered is what was recorded."""
    faults = [f"{_name(row, rows)}: {fault}" for row in rows for fault in row.faults]
    if faults:
        return "\n".join(["The figures are not worth anything:", *faults])
    pinging = [
        row for row in rows if row.case.way is not Way.SCRIPT and row.case.server not in (EMPTY, STARLETTE)
    ]
    pings, cut = sum(row.pings for row in pinging), sum(row.cut for row in pinging)
    if not pings:
        return "Nothing was pinged over HTTP."
    sentence = f"All {pings:,} answered pings are in overdue_pings_total and in history.db"
    if not cut:
        return f"{sentence}, and no others."
    return f"{sentence}; beyond them at most the {cut:,} that may have been cut off at the rounds' ends."


def verdicts(rows: Sequence[Row]) -> list[str]:
    return [*bar_sentences(rows), recorded_sentence(rows)]


def printed(setting: Setting, rows: Sequence[Row]) -> str:
    """What the terminal shows."""
    return "\n".join([*setting.lines(), "", table(rows), "", *REMARKS, "", *verdicts(rows)])
