"""One line per round while they are played, and a table by fault at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tests.chaos.scene import Round

HEADING = f"{'fault':<20} rounds  kills  answered  refused  lost  repeats  unended  wrong"


def line(one: Round) -> str:
    """A round as it ended."""
    wrong = f"WRONG: {'; '.join(one.wrong)}" if one.wrong else "well"
    return (
        f"{one.number:>5}  {one.fault!s:<34} {one.took_ms / 1000:>5.1f} s  {one.kills} kills  "
        f"{one.answered:>5} answered  {one.refused:>4} refused  {one.lost:>3} lost  "
        f"{one.repeats} repeats  {one.unended} unended  {wrong}"
    )


def table(rounds: Sequence[Round]) -> str:
    """All rounds by their faults."""
    by_fault: dict[str, list[Round]] = defaultdict(list)
    for one in rounds:
        by_fault[one.fault.name].append(one)
    rows = [_row(name, by_fault[name]) for name in sorted(by_fault)]
    return "\n".join([HEADING, *rows, _row("all", rounds)])


def _row(name: str, rounds: Sequence[Round]) -> str:
    def total(field: str) -> int:
        return sum(getattr(one, field) for one in rounds)

    return (
        f"{name:<20} {len(rounds):>6} {total('kills'):>6} {total('answered'):>9} {total('refused'):>8} "
        f"{total('lost'):>5} {total('repeats'):>8} {total('unended'):>8} "
        f"{sum(bool(one.wrong) for one in rounds):>6}"
    )
