"""The waits between attempts: the long schedule, a little apart from each other, and never shorter than asked for."""

from __future__ import annotations

import pytest

from sweeper.schedule import WAITS_S, wait_before_next

MINUTE_S, HOUR_S = 60, 3600


def least() -> float:
    return 0.0


def most() -> float:
    return 1.0


def test_the_schedule_is_the_published_one() -> None:
    published = (
        5,
        15,
        MINUTE_S,
        5 * MINUTE_S,
        30 * MINUTE_S,
        2 * HOUR_S,
        5 * HOUR_S,
        10 * HOUR_S,
        14 * HOUR_S,
        20 * HOUR_S,
        24 * HOUR_S,
    )
    assert published == WAITS_S


@pytest.mark.parametrize(("attempt", "wait_s"), list(enumerate(WAITS_S, start=1)))
def test_each_wait_is_longer_by_up_to_a_tenth(attempt: int, wait_s: int) -> None:
    assert wait_before_next(attempt, None, least) == wait_s * 1000
    assert wait_before_next(attempt, None, most) == wait_s * 1100


def test_after_the_last_attempt_there_is_no_wait() -> None:
    assert wait_before_next(len(WAITS_S), None, least) is not None
    assert wait_before_next(len(WAITS_S) + 1, None, least) is None
    assert wait_before_next(len(WAITS_S) + 1, 10.0, least) is None
    assert wait_before_next(65_535, None, least) is None


@pytest.mark.parametrize(
    ("asked_s", "wait_ms"), [(0.0, 5000), (4.9, 5000), (5.5, 5500), (86_400.0, 86_400_000)]
)
def test_what_a_receiver_asks_for_can_only_make_the_wait_longer(asked_s: float, wait_ms: int) -> None:
    assert wait_before_next(1, asked_s, least) == wait_ms


def test_what_a_receiver_asks_for_is_spread_too() -> None:
    assert wait_before_next(1, 100.0, most) == 110_000
