"""The rule for metric bodies: a flat JSON object of numbers and strings, every key once."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

_decode = msgspec.json.Decoder(dict[str, float | int | str]).decode
_decode_any = msgspec.json.Decoder().decode
_NOT_JSON = "The body must be a flat JSON object of numbers and strings; this is not valid JSON."
_NOT_FLAT = "The body must be a flat JSON object of numbers and strings."
_OUT_OF_RANGE = "A number in the body is beyond the range of a double."


def complaint_about(body: bytes) -> str | None:
    """What is wrong with a body as metrics, in a sentence; None if nothing is."""
    try:
        metrics = _decode(body)
    except msgspec.ValidationError:
        return _name_the_culprit(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _NOT_JSON
    for value in metrics.values():
        if not isinstance(value, str) and not _is_a_double(value):
            return _OUT_OF_RANGE
    # As many colons as keys: each key stands there once. Otherwise there is a colon in a string, or a key twice.
    if body.count(b":") != len(metrics) and len(json.loads(body, object_pairs_hook=list)) != len(metrics):
        return "A key in the body comes twice."
    return None


def _is_a_double(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _name_the_culprit(body: bytes) -> str:
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
                return f"The value of {key!r} must be a number or a string."
    return _NOT_FLAT
