"""Both forms of Retry-After, and what is neither."""

from __future__ import annotations

import pytest

from sweeper.channels.retry_after import retry_after_s

NOW_MS = 1_772_416_893_000  # Mon, 02 Mar 2026 02:01:33 GMT


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("86401", 86_400.0),
        ("9" * 6000, 86_400.0),
        ("Mon, 02 Mar 2026 02:03:33 GMT", 120.0),
        ("Mon, 02 Mar 2026 03:03:33 +0100", 120.0),
        ("Monday, 02-Mar-26 02:03:33 GMT", 120.0),
        ("Mon Mar  2 02:03:33 2026", 120.0),
        ("Sun, 01 Mar 2026 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
    ],
)
def test_the_pause_asked_for_is_read_and_kept_within_a_day(text: str, expected_s: float) -> None:
    assert retry_after_s(text, NOW_MS) == expected_s


@pytest.mark.parametrize(
    "text", [None, "", "soon", "-5", "1.5", "²", "12, 12", "Mon, 99 Mar 2026 99:00:00 GMT"]
)
def test_what_cannot_be_read_asks_for_nothing(text: str | None) -> None:
    assert retry_after_s(text, NOW_MS) is None
