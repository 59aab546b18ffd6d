"""What the first door takes as metrics, and the sentence for what it does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.flat_json import Complaint, read_metrics

GOOD = [
    b"{}",
    b' {"duration_ms": 1234, "records": 500, "status": "complete"} ',
    b'{"a": -0.5e-3, "b": 9007199254740993, "c": "with : colon and \\" quote"}',
    b'{"huge": 123456789012345678901234567890}',
    '{"größe": "ü", "": 1}'.encode(),
]

BAD = [
    (b"nonsense", "not valid JSON"),
    (b"   ", "not valid JSON"),
    (b"[1, 2]", "flat JSON object"),
    (b"12", "flat JSON object"),
    (b'"text"', "flat JSON object"),
    (b"null", "flat JSON object"),
    (b'{"ok": 1, "flag": true}', "'flag' must be a number or a string"),
    (b'{"a": null}', "'a' must be"),
    (b'{"a": {"b": 1}}', "'a' must be"),
    (b'{"a": [1]}', "'a' must be"),
    (b'{"a": NaN}', "not valid JSON"),
    (b'{"a": Infinity}', "not valid JSON"),
    (b'{"a": 1e400}', "range of a double"),
    (b'{"a": 1' + b"0" * 400 + b"}", "range of a double"),
    (b'{"a": 1, "a": 2}', "comes twice"),
    (b'{"a": "x:y", "\\u0061": 2}', "comes twice"),
    (b'{"a": "\xff"}', "not valid JSON"),
    (b'{"a": "\\ud800"}', "not valid JSON"),
    (b'{"a": 1} trailing', "not valid JSON"),
    (b'{"a": ' + b"[" * 900, "not valid JSON"),
    (b"[" * 1000, "flat JSON object"),
]


@pytest.mark.parametrize("body", GOOD)
def test_flat_objects_of_numbers_and_strings_are_taken(body: bytes) -> None:
    assert not isinstance(read_metrics(body), Complaint)


@pytest.mark.parametrize(("body", "sentence"), BAD)
def test_everything_else_gets_a_sentence(body: bytes, sentence: str) -> None:
    complaint = read_metrics(body)
    assert isinstance(complaint, Complaint)
    assert sentence in complaint.sentence


def test_numbers_are_doubles_and_texts_are_texts_in_the_order_of_the_body() -> None:
    read = read_metrics(b'{"b": 5, "a": "5", "c": -0.5e1, "d": 9007199254740993}')

    assert isinstance(read, dict)
    assert list(read.items()) == [("b", 5.0), ("a", "5"), ("c", -5.0), ("d", 9007199254740992.0)]
    assert {type(value) for value in read.values()} == {float, str}


@given(st.binary(max_size=200))
def test_no_body_at_all_breaks_the_rule(body: bytes) -> None:
    read_metrics(body)


@given(
    st.dictionaries(
        st.text(max_size=8), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    )
)
def test_what_json_writes_flat_is_taken(metrics: dict[str, int | float | str]) -> None:
    body = json.dumps(metrics).encode("utf-8", "surrogatepass")
    if b"\\ud" in body:
        return
    if any(isinstance(value, int) and abs(value) > 10**300 for value in metrics.values()):
        return
    read = read_metrics(body)
    assert isinstance(read, dict)
    assert list(read) == list(metrics)
