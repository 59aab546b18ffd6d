"""What is kept ahead for a monitor: enough ticks, quiet times, and when to work them out anew."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.ahead import (
    MOST_QUIET,
    MOST_QUIET_PAST,
    NEVER_S,
    QUIET_WITHIN_S,
    TICKS_AHEAD,
    TICKS_LEAST,
    Calendar,
)
from store.cron import Cron
from store.live.packed_rules import MOST_TICKS
from store.maintenance import ByCron, Once
from store.monitor_rules import MonitorRules
from store.wishes import Wishes

NOW_S = int(datetime(2026, 3, 24, 12, 0, 30, tzinfo=UTC).timestamp())
DAY_S = 86_400


def ticks(schedule: str, base_s: int | None = None, failures: int = 1) -> tuple[int, ...]:
    wishes = Wishes(schedule=schedule, timezone="UTC", failures=failures)
    rules = Calendar(NOW_S).ahead(wishes, (), base_s).rules
    assert rules is not None
    return rules.ticks


def test_without_schedule_and_windows_nothing_has_to_be_worked_out_again() -> None:
    assert Calendar(NOW_S).ahead(Wishes(), (), None).rules is None
    ahead = Calendar(NOW_S).ahead(Wishes(failures=3), (), None)
    assert (ahead.rules, ahead.due_s) == (MonitorRules(failures=3), NEVER_S)


def test_ticks_of_an_hour_lie_behind_and_many_ahead() -> None:
    found = ticks("* * * * *")
    assert found[0] == NOW_S - 30 - 60 * 60
    assert len([one for one in found if one > NOW_S]) == TICKS_AHEAD
    assert len(found) <= MOST_TICKS


def test_the_ticks_after_the_last_sign_of_life_are_there_however_long_ago_it_was() -> None:
    found = ticks("0 3 * * *", NOW_S - 30 * DAY_S, failures=3)
    assert [NOW_S - one > 20 * DAY_S for one in found[:4]] == [True, True, True, False]
    first = next(Cron("0 3 * * *").ticks(NOW_S - 30 * DAY_S))
    assert found[0] == first


def test_a_rare_schedule_has_at_least_as_many_ticks_as_may_be_missed() -> None:
    found = ticks("0 0 29 2 *", failures=10)
    assert len([one for one in found if one > NOW_S]) >= 10


def test_the_next_tick_of_a_very_rare_schedule_is_known_while_its_monitor_is_down_for_the_last_one() -> None:
    now_s = int(datetime(2028, 3, 5, tzinfo=UTC).timestamp())
    ahead = Calendar(now_s).ahead(Wishes(schedule="0 0 29 2 *", timezone="UTC"), (), now_s - 400 * DAY_S)
    leap_days = [int(datetime(year, 2, 29, tzinfo=UTC).timestamp()) for year in (2028, 2032, 2036)]
    assert ahead.rules is not None
    assert (ahead.rules.ticks, ahead.horizon_s) == (tuple(leap_days), leap_days[-1])


def test_ticks_are_worked_out_anew_before_there_are_too_few() -> None:
    ahead = Calendar(NOW_S).ahead(Wishes(schedule="0 3 * * *", timezone="UTC"), (), None)
    assert ahead.rules is not None
    assert ahead.horizon_s == ahead.rules.ticks[-1]
    assert len([one for one in ahead.rules.ticks if one >= ahead.due_s]) == TICKS_LEAST


def test_what_the_windows_silence_is_quiet_from_a_day_ago_to_eight_days_ahead() -> None:
    windows = (ByCron("0 2 * * *", 3600), Once(NOW_S + DAY_S, NOW_S + DAY_S + 600))
    ahead = Calendar(NOW_S).ahead(Wishes(), windows, None)
    assert ahead.rules is not None
    assert len(ahead.rules.quiet) == 1 + 8 + 1
    assert ahead.horizon_s == NOW_S + QUIET_WITHIN_S
    assert NOW_S < ahead.due_s < ahead.horizon_s


@pytest.mark.parametrize("ago_s", [3600, 5 * DAY_S, 6 * DAY_S + 7, 400 * DAY_S])
def test_quiet_times_since_the_last_sign_of_life_are_kept(ago_s: int) -> None:
    """What is judged late may have fallen into one of them."""
    ahead = Calendar(NOW_S).ahead(Wishes(), (ByCron("0 2 * * *", 3600),), NOW_S - ago_s)
    assert ahead.rules is not None
    first_s = ahead.rules.quiet[0][0]
    assert first_s <= NOW_S - 10 * 3600
    assert first_s <= NOW_S - ago_s + DAY_S or len(ahead.rules.quiet) == MOST_QUIET_PAST + 8


def test_windows_that_are_over_leave_nothing_behind() -> None:
    ahead = Calendar(NOW_S).ahead(Wishes(), (Once(NOW_S - 9 * DAY_S, NOW_S - 8 * DAY_S),), None)
    assert ahead.rules is None


def test_of_many_quiet_times_those_ahead_are_kept_and_soon_looked_at_again() -> None:
    ahead = Calendar(NOW_S).ahead(Wishes(), (ByCron("0 * * * *", 60),), None)
    assert ahead.rules is not None
    assert len(ahead.rules.quiet) == MOST_QUIET
    assert [one for one in ahead.rules.quiet if one[1] > NOW_S + DAY_S]
    assert ahead.horizon_s == ahead.rules.quiet[-1][1]
    assert ahead.due_s < ahead.horizon_s


@pytest.mark.parametrize("schedule", ["*/7 * * * *", "0 3 * * 1-5", "15 4 1 * *", "30 2 29 2 *"])
@settings(max_examples=30)
@given(ago_s=st.integers(0, 400 * DAY_S), failures=st.integers(1, 10))
def test_the_tick_that_decides_is_always_there(schedule: str, ago_s: int, failures: int) -> None:
    """For a silence that began at the last sign of life, whenever that was, and for one that begins about now."""
    base_s = NOW_S - ago_s
    found = ticks(schedule, base_s, failures)
    for began_s in (base_s, NOW_S - 3600, NOW_S):
        expected = Cron(schedule).ticks(began_s)
        after = [one for one in found if one > began_s]
        assert after[:failures] == [next(expected) for _ in range(failures)]
    assert all(before < after for before, after in pairwise(found))
