"""Says the figures: one aligned table, one sentence on the bar, and a file of results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bench.case import BAR, HEADLINE_CONNECTIONS, PARTS, PING, Row

HEADINGS = ("case", "conns", "per second", "p50 ms", "p99 ms", *PARTS, "ingest + Redis", "÷ empty reply")

REMARKS = (
    "CPU is in microseconds per answered request, from the operating system's accounts: user and system",
    "time, all threads. The empty reply has no process but its web server, which stands under ingest.",
    "Figures are medians of the rounds; the two servers take turns, and ratios are of medians. The load",
    "generator shares the cores with what it measures: throughput and latency are what is left beside it,",
    "CPU is what a request costs.",
)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a run, in words."""

    now_ms: int
    machine: str
    busy: float
    versions: str
    generator: str
    rounds: int
    seconds_s: float
    monitors: int

    def lines(self) -> list[str]:
        date = datetime.fromtimestamp(self.now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        load = (
            f"{self.generator}, {self.rounds} rounds of {self.seconds_s:g} s each, {self.monitors} monitors"
        )
        busy = f"{self.busy:.1f} processes running on average in the minute before"
        return [
            f"Date: {date}",
            f"Machine: {self.machine}; {busy}",
            f"Versions: {self.versions}",
            f"Load: {load}",
        ]


def table(rows: Sequence[Row]) -> str:
    """The rows under their headings; the first column is aligned left, figures right."""
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if not place else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.case.name,
        str(row.case.connections),
        f"{row.per_second:,.0f}",
        f"{row.p50_ms:.2f}",
        f"{row.p99_ms:.2f}",
        *(_figure(row.cpu_us.get(part), ".1f") for part in PARTS),
        f"{row.answering_us:.1f}",
        _figure(row.ratio, ".2f"),
    )


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def bar_sentence(rows: Sequence[Row]) -> str:
    """Whether a ping is as cheap as it has to be, in words."""
    for row in rows:
        if row.case.name == PING and row.case.connections == HEADLINE_CONNECTIONS and row.ratio is not None:
            verdict = "held" if row.ratio <= BAR else "MISSED"
            return (
                f"At {HEADLINE_CONNECTIONS} connections a recorded ping costs {row.ratio:.2f} times the "
                f"CPU of the empty reply in ingest + Redis (single rounds: {min(row.round_ratios):.2f} to "
                f"{max(row.round_ratios):.2f}); the bar is {BAR} times: {verdict}."
            )
    return f"The bar of {BAR} times at {HEADLINE_CONNECTIONS} connections was not measured."


def recorded_sentence(rows: Sequence[Row]) -> str:
    """Whether what was answered is what was recorded."""
    pings = [row for row in rows if row.case.name == PING]
    faults = [f"{row.case.connections} connections: {fault}" for row in pings for fault in row.faults]
    if faults:
        return "\n".join(["answered = recorded does NOT hold:", *faults])
    answered, cut = sum(row.answered for row in pings), sum(row.cut for row in pings)
    sentence = f"All {answered:,} answered pings are in overdue_pings_total and in history.db"
    if not cut:
        return f"{sentence}, and no others."
    return f"{sentence}; beyond them at most the {cut:,} that may have been cut off at the rounds' ends."


def trouble(rows: Sequence[Row]) -> list[str]:
    """A line for each row with replies other than 2xx, or connections that failed."""
    return [
        f"{row.case.name} over {row.case.connections}: {row.refused} refused, {row.errors} errors"
        for row in rows
        if row.refused or row.errors
    ]


def verdicts(rows: Sequence[Row]) -> str:
    return "\n".join([bar_sentence(rows), recorded_sentence(rows), *trouble(rows)])


def printed(setting: Setting, rows: Sequence[Row]) -> str:
    """What the terminal shows."""
    return "\n".join([*setting.lines(), "", table(rows), "", *REMARKS, "", verdicts(rows)])


def results_page(setting: Setting, rows: Sequence[Row]) -> str:
    """The contents of `bench/RESULTS.md`."""
    about = "\n".join(f"- {line}" for line in setting.lines())
    parts = ["# What a ping costs", about, f"```\n{table(rows)}\n```", verdicts(rows), "\n".join(REMARKS)]
    return "\n\n".join(parts) + "\n"
