"""Threshold rules on metrics: the words that everyone shares. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args
from uuid import UUID, uuid5

from store.monitor import INCIDENT_NAMESPACE

Operator = Literal[">", "<", ">=", "<=", "=", "!="]

OPERATORS: tuple[str, ...] = get_args(Operator)

# Texts are only equal or not.
TEXT_OPERATORS = ("=", "!=")

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}


def breaches(value: float | str, operator: str, threshold: float | str) -> bool | None:
    """Whether a value is on the wrong side of a threshold; None if one is a number and the other a text."""
    if isinstance(value, str) is not isinstance(threshold, str):
        return None
    return _COMPARE[operator](value, threshold)


def incident_of(alert: UUID, breach_ms: int) -> UUID:
    """The incident of a rule whose first breach was at this moment; the same however often it is asked."""
    return uuid5(INCIDENT_NAMESPACE, f"{alert}:{breach_ms}")
