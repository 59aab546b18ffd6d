"""The rule for metrics in a body: a flat JSON object of numbers and strings, every key once. Pure.

Both sides ask it: the door that refuses what breaks the rule, and the recorder that takes samples of what keeps it.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

# A number (as a double) or a text per key, in the order of the body.
Metrics = dict[str, float | str]


class Complaint(msgspec.Struct, frozen=True):
    """What is wrong with a body as metrics, in a sentence."""

    sentence: str


_decode = msgspec.json.Decoder(dict[str, float | int | str]).decode
_decode_any = msgspec.json.Decoder().decode
_NOT_JSON = Complaint("The body must be a flat JSON object of numbers and strings; this is not valid JSON.")
_NOT_FLAT = Complaint("The body must be a flat JSON object of numbers and strings.")
_OUT_OF_RANGE = Complaint("A number in the body is beyond the range of a double.")
_TWICE = Complaint("A key in the body comes twice.")


def read_metrics(body: bytes) -> Metrics | Complaint:
    """The metrics in a body, or what is wrong with it."""
    try:
        found = _decode(body)
    except msgspec.ValidationError:
        return _name_the_culprit(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _NOT_JSON
    metrics: Metrics = {}
    for key, value in found.items():
        number = value if isinstance(value, str) else as_double(value)
        if number is None:
            return _OUT_OF_RANGE
        metrics[key] = number
    # As many colons as keys: each key stands there once. Otherwise there is a colon in a string, or a key twice.
    if body.count(b":") != len(metrics) and len(json.loads(body, object_pairs_hook=list)) != len(metrics):
        return _TWICE
    return metrics


def as_double(value: float) -> float | None:
    """A number as a double; None if it is beyond its range."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _name_the_culprit(body: bytes) -> Complaint:
    """Valid JSON that is no metrics: say which value is to blame."""
    try:
        document: Any = _decode_any(body)
    except msgspec.ValidationError:
        return _OUT_OF_RANGE
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOT_JSON
    if isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                return Complaint(f"The value of {key!r} must be a number or a string.")
    return _NOT_FLAT
