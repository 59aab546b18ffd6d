"""The table's rows: which cases are measured, and what their rounds come to.

A new case is a new line in `cases`; its `reference` names the case of the same connections that it is
compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from bench.load import LoadResult

EMPTY = "empty ASGI reply"
PING = "ping"

WEB, REDIS, RECORDER, SWEEPER = "ingest", "Redis", "recorder", "sweeper"
PARTS = (WEB, REDIS, RECORDER, SWEEPER)
ANSWERING = (WEB, REDIS)

HEADLINE_CONNECTIONS = 64
BAR = 2.5


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One row to be: a name, the server it is driven at, and over how many connections."""

    name: str
    server: str
    connections: int
    reference: str = ""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One measured load: what the generator saw, CPU per part, and what is wrong with it, if anything."""

    result: LoadResult
    cpu_us: dict[str, int]
    faults: tuple[str, ...] = ()

    def per_reply_us(self, part: str) -> float | None:
        spent_us = self.cpu_us.get(part)
        return None if spent_us is None or not self.result.answered else spent_us / self.result.answered

    def answering_us(self) -> float:
        """CPU of the parts that a reply waits for."""
        return sum(self.per_reply_us(part) or 0.0 for part in ANSWERING)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A case with the medians of its rounds. A part that the case does not have is None.

    `round_ratios` compare each round with the reference's round beside it: the less they scatter, the more the
    ratio of the medians is worth.
    """

    case: Case
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float | None]
    answering_us: float
    ratio: float | None
    round_ratios: tuple[float, ...]
    answered: int
    cut: int
    refused: int
    errors: int
    faults: tuple[str, ...] = ()


def cases(connections: int) -> tuple[Case, ...]:
    """The cases of one group, in the order in which they take turns."""
    return (
        Case(name=EMPTY, server=EMPTY, connections=connections),
        Case(name=PING, server=PING, connections=connections, reference=EMPTY),
    )


def rows(measured: Iterable[tuple[Case, Sequence[Round]]]) -> list[Row]:
    """One row a case; ratios are of medians. A reference has to come before those that name it."""
    done: dict[tuple[str, int], Sequence[Round]] = {}
    found: list[Row] = []
    for case, rounds in measured:
        found.append(_row(case, rounds, done.get((case.reference, case.connections), ())))
        done[case.name, case.connections] = rounds
    return found


def _row(case: Case, rounds: Sequence[Round], reference: Sequence[Round]) -> Row:
    answering_us = _median_answering_us(rounds)
    reference_us = _median_answering_us(reference)
    return Row(
        case=case,
        per_second=median(measured.result.per_second for measured in rounds),
        p50_ms=median(measured.result.p50_ms for measured in rounds),
        p99_ms=median(measured.result.p99_ms for measured in rounds),
        cpu_us={part: _median_us(part, rounds) for part in PARTS},
        answering_us=answering_us,
        ratio=answering_us / reference_us if reference_us else None,
        round_ratios=_round_ratios(rounds, reference),
        answered=sum(measured.result.answered for measured in rounds),
        cut=sum(measured.result.cut for measured in rounds),
        refused=sum(measured.result.refused for measured in rounds),
        errors=sum(measured.result.errors for measured in rounds),
        faults=tuple(fault for measured in rounds for fault in measured.faults),
    )


def _median_answering_us(rounds: Sequence[Round]) -> float:
    return median(measured.answering_us() for measured in rounds) if rounds else 0.0


def _round_ratios(rounds: Sequence[Round], reference: Sequence[Round]) -> tuple[float, ...]:
    pairs = zip(rounds, reference, strict=False)
    return tuple(one.answering_us() / other.answering_us() for one, other in pairs if other.answering_us())


def _median_us(part: str, rounds: Sequence[Round]) -> float | None:
    found = [spent for measured in rounds if (spent := measured.per_reply_us(part)) is not None]
    return median(found) if found else None
