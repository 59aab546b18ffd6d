"""The arrival clock comes as close to Redis' clock as the replies allow, and never runs ahead of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.live import arrival
from store.live.arrival import WINDOW_MS, ArrivalClock

TRUE_OFFSET_MS = 1_800_000_000_000


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own monotonic clock stands at 0, so that what the arrival clock says is its offset."""
    monkeypatch.setattr(arrival, "monotonic_ms", lambda: 0)


def test_the_fastest_reply_of_the_window_counts() -> None:
    clock = ArrivalClock()
    clock.observe(1_000, 40)
    clock.observe(1_100, 101)
    clock.observe(1_200, 290)
    assert clock.now_ms() == 999


def test_the_best_of_the_former_window_still_counts() -> None:
    clock = ArrivalClock()
    clock.observe(WINDOW_MS + 1_000, WINDOW_MS)
    clock.observe(2 * WINDOW_MS + 500, 2 * WINDOW_MS)
    assert clock.now_ms() == 1_000


def test_it_follows_a_step_forward_at_once() -> None:
    clock = ArrivalClock()
    clock.observe(1_000, 0)
    clock.observe(3_601_000, 100)
    assert clock.now_ms() == 3_600_900


def test_it_forgets_what_was_before_a_step_back_after_two_windows() -> None:
    clock = ArrivalClock()
    clock.observe(WINDOW_MS + 3_600_000, WINDOW_MS)
    said = []
    for second in range(1, 2 * WINDOW_MS // 1000 + 1):
        receipt_ms = WINDOW_MS + second * 1000
        clock.observe(receipt_ms, receipt_ms)
        said.append(clock.now_ms())
    assert said[0] == 3_600_000
    assert said[-1] == 0
    assert sorted(said, reverse=True) == said


@given(replies=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 4_000)), min_size=1, max_size=200))
def test_it_never_runs_ahead_and_lags_by_no_more_than_the_fastest_reply_since_two_windows(
    replies: list[tuple[int, int]],
) -> None:
    clock, receipt_ms = ArrivalClock(), 100_000
    seen: list[tuple[int, int]] = []
    for pause_ms, way_ms in replies:
        receipt_ms += pause_ms
        clock.observe(TRUE_OFFSET_MS + receipt_ms - way_ms, receipt_ms)
        seen.append((receipt_ms, way_ms))
        lag_ms = TRUE_OFFSET_MS - clock.now_ms()
        assert 0 <= lag_ms <= min(way for at, way in seen if at > receipt_ms - WINDOW_MS)
