"""What an examination says: findings, one line each."""

from __future__ import annotations

from enum import Enum

import msgspec


class Verdict(Enum):
    GOOD = "ok"
    WARNING = "warn"
    BAD = "BAD"


class Finding(msgspec.Struct, frozen=True):
    """One line of the report. `wrong` is how much of it is not as it should be, `repaired` how much was put right."""

    verdict: Verdict
    what: str
    sentence: str
    wrong: int = 0
    repaired: int = 0

    def line(self) -> str:
        return f"{self.verdict.value:<5} {self.what:<12} {self.sentence}"
