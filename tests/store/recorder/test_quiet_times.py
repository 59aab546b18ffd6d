"""Whether a window is on, asked moment after moment, against the list of all its times."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.maintenance import DAY_S, ByCron, Once, Recurrence, Weekly, merged
from store.recorder.quiet_times import QuietTimes

START_S = 1_800_000_000
WINDOWS: tuple[Recurrence, ...] = (
    Once(START_S + 100, START_S + 4000),
    Weekly(("sat", "sun"), "23:30", 2 * 3600, "Europe/Vilnius"),
    ByCron("0 */6 * * *", 1800),
)


@settings(max_examples=200)
@given(
    st.lists(st.integers(min_value=-3 * DAY_S, max_value=9 * DAY_S), max_size=20),
    st.sets(st.sampled_from(WINDOWS)),
)
def test_it_says_what_the_list_of_all_times_says_in_whatever_order_it_is_asked(
    moments: list[int], windows: set[Recurrence]
) -> None:
    times = list(merged(tuple(windows), START_S - 4 * DAY_S, START_S + 10 * DAY_S))
    quiet = QuietTimes(tuple(windows))
    for one in moments:
        at_s = START_S + one
        assert quiet.include(at_s * 1000 + 999) is any(from_s <= at_s < to_s for from_s, to_s in times)


def test_a_window_is_on_from_its_first_millisecond_to_before_its_last() -> None:
    quiet = QuietTimes((Once(START_S, START_S + 60),))
    asked = [START_S * 1000 - 1, START_S * 1000, START_S * 1000 + 59_999, START_S * 1000 + 60_000]
    assert [quiet.include(at_ms) for at_ms in asked] == [False, True, True, False]


def test_a_window_that_cannot_be_read_silences_nothing_and_is_complained_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As one in a zone that another version of the database of zones does not have any more."""
    quiet = QuietTimes((ByCron("* * * * *", 60, "Mars/Olympus"),))
    with caplog.at_level(logging.ERROR):
        assert not quiet.include(START_S * 1000)
    assert "cannot be read" in caplog.text
