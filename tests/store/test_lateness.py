"""How late pings came, by steps of time."""

from __future__ import annotations

from store.lateness import Lateness, lateness_by_step, lateness_by_ticks


def late(arrivals_ms: list[int], before_ms: int | None = None) -> list[Lateness]:
    """Of a monitor with an interval of a second, by steps of ten."""
    return list(lateness_by_step(arrivals_ms, before_ms, 1000, 10_000))


def test_a_ping_is_as_late_as_it_is_further_from_the_one_before_than_the_interval() -> None:
    assert late([3000, 3900, 6900]) == [Lateness(0, -100, 950.0, 2000, 2)]


def test_the_first_ping_of_all_was_expected_at_no_moment() -> None:
    assert late([]) == []
    assert late([3000]) == []
    assert late([3000], before_ms=1500) == [Lateness(0, 500, 500.0, 500, 1)]


def test_a_silence_counts_in_the_step_in_which_it_ended() -> None:
    assert late([1000, 2000, 45_000, 46_000]) == [
        Lateness(0, 0, 0.0, 0, 1),
        Lateness(40_000, 0, 21_000.0, 42_000, 2),
    ]


def test_a_ping_belongs_to_the_step_that_begins_with_it() -> None:
    assert [one.at_ms for one in late([9000, 10_000, 19_999, 20_000])] == [10_000, 20_000]


def test_a_ping_of_a_schedule_is_late_against_the_first_tick_after_the_one_before() -> None:
    ticks = iter([2000, 12_000, 22_000, 32_000])
    found = lateness_by_ticks([2500, 11_000, 33_000], 1500, ticks, 10_000)
    assert list(found) == [
        Lateness(0, 500, 500.0, 500, 1),
        Lateness(10_000, -1000, -1000.0, -1000, 1),
        Lateness(30_000, 21_000, 21_000.0, 21_000, 1),
    ]


def test_the_first_ping_of_a_schedule_was_expected_at_no_moment() -> None:
    assert list(lateness_by_ticks([2500], None, iter([2000]), 10_000)) == []
    assert list(lateness_by_ticks([2500, 3000], None, iter(()), 10_000)) == []
