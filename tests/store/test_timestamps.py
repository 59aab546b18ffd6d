"""Moments as the outside reads them."""

from __future__ import annotations

from store.timestamps import moment, rfc3339


def test_a_moment_is_written_in_utc_with_its_milliseconds() -> None:
    assert rfc3339(1_772_416_893_123) == "2026-03-02T02:01:33.123Z"


def test_a_whole_second_keeps_its_three_zeros() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"


def test_no_moment_stays_none() -> None:
    assert moment(None) is None
