"""The arrival clock comes as close to Redis' clock as the replies allow, never runs ahead of it, and notices a step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.live.arrival import STEP_LEAST_MS, WINDOW_MS, ArrivalClock

TRUE_OFFSET_MS = 1_800_000_000_000


def standing() -> ArrivalClock:
    """Our own monotonic clock stands at 0, so that what the arrival clock says is its offset."""
    return ArrivalClock(lambda: 0)


def test_the_fastest_reply_of_the_window_counts() -> None:
    clock = standing()
    clock.observe(1_000, 0, 40)
    clock.observe(1_100, 60, 101)
    clock.observe(1_200, 150, 290)
    assert clock.now_ms() == 999


def test_the_best_of_the_former_window_still_counts() -> None:
    clock = standing()
    clock.observe(WINDOW_MS + 1_000, WINDOW_MS, WINDOW_MS)
    clock.observe(2 * WINDOW_MS + 700, 2 * WINDOW_MS - 400, 2 * WINDOW_MS)
    assert clock.now_ms() == 1_000


@pytest.mark.parametrize(
    "step_ms", [3_600_000, 1_000, STEP_LEAST_MS + 1, -STEP_LEAST_MS - 1, -1_000, -3_600_000]
)
def test_it_follows_a_step_at_once(step_ms: int) -> None:
    clock = standing()
    clock.observe(10_000_000, 0, 0)
    clock.observe(10_000_100 + step_ms, 100, 100)

    assert clock.now_ms() == 10_000_000 + step_ms
    assert (clock.steps, clock.stepped_ms) == (1, step_ms)
    clock.observe(10_000_200 + step_ms, 200, 200)
    assert clock.steps == 1


@pytest.mark.parametrize("off_ms", [STEP_LEAST_MS, -STEP_LEAST_MS])
def test_what_a_clock_may_be_off_is_no_step(off_ms: int) -> None:
    clock = standing()
    clock.observe(10_000_000, 0, 0)
    clock.observe(10_000_100 + off_ms, 100, 100)
    assert clock.steps == 0


@pytest.mark.parametrize("stamped_ms", [200, 4_000, 8_100])
def test_a_reply_that_was_long_under_way_is_no_step(stamped_ms: int) -> None:
    clock = standing()
    clock.observe(TRUE_OFFSET_MS, 0, 0)
    clock.observe(TRUE_OFFSET_MS + stamped_ms, 100, 8_100)
    clock.observe(TRUE_OFFSET_MS + 8_200, 8_200, 8_200)
    assert clock.steps == 0


def test_a_clock_that_stands_still_is_a_step_back_again_and_again() -> None:
    clock = standing()
    for passed_ms in range(0, 10_001, 100):
        clock.observe(TRUE_OFFSET_MS, passed_ms, passed_ms)
    assert clock.steps == 10_000 // (STEP_LEAST_MS + 100)


@given(
    replies=st.lists(
        st.tuples(st.integers(0, 5_000), st.integers(0, 4_000), st.integers(0, 4_000)),
        min_size=1,
        max_size=200,
    )
)
def test_it_never_runs_ahead_and_lags_by_no_more_than_the_fastest_reply_since_two_windows(
    replies: list[tuple[int, int, int]],
) -> None:
    clock, receipt_ms = standing(), 100_000
    seen: list[tuple[int, int]] = []
    for pause_ms, there_ms, back_ms in replies:
        sent_ms = receipt_ms + pause_ms
        receipt_ms = sent_ms + there_ms + back_ms
        clock.observe(TRUE_OFFSET_MS + sent_ms + there_ms, sent_ms, receipt_ms)
        seen.append((receipt_ms, back_ms))
        lag_ms = TRUE_OFFSET_MS - clock.now_ms()
        assert 0 <= lag_ms <= min(way for at, way in seen if at > receipt_ms - WINDOW_MS)
    assert clock.steps == 0
