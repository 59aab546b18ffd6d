"""Cron rules: the days and minutes they name, what the clock's changes do to them, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.cron import LAST_S, MAX_TEXT, ZONES, Cron, checked_cron
from store.errors import Invalid
from tests.store.minute_walk import RULES, differences, offsets, transitions


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def ticks(rule: str, zone: str, after: str, count: int) -> list[str]:
    found = islice(Cron(rule, zone).ticks(at(after)), count)
    return [f"{datetime.fromtimestamp(tick, UTC):%m-%d %H:%M}" for tick in found]


def test_a_tick_is_later_than_the_moment_that_it_follows() -> None:
    assert ticks("0 3 * * *", "Europe/Vilnius", "2026-01-10 00:59", 2) == ["01-10 01:00", "01-11 01:00"]
    assert ticks("0 3 * * *", "Europe/Vilnius", "2026-01-10 01:00", 1) == ["01-11 01:00"]


def test_the_names_are_rules() -> None:
    assert ticks("@hourly", "UTC", "2026-01-31 23:30", 2) == ["02-01 00:00", "02-01 01:00"]
    assert ticks("@Daily", "UTC", "2026-01-31 23:30", 2) == ["02-01 00:00", "02-02 00:00"]
    assert ticks("@weekly", "UTC", "2026-01-31 23:30", 1) == ["02-01 00:00"]  # a Sunday
    assert ticks("@monthly", "UTC", "2026-02-01 00:00", 1) == ["03-01 00:00"]
    assert ticks("@yearly", "UTC", "2026-02-01 00:00", 1) == ["01-01 00:00"]


def test_day_and_weekday_are_either_or_unless_one_begins_with_a_star() -> None:
    assert ticks("0 0 13 * 5", "UTC", "2026-02-01 00:00", 3) == ["02-06 00:00", "02-13 00:00", "02-20 00:00"]
    assert ticks("0 0 */2 * 5", "UTC", "2026-02-01 00:00", 2) == ["02-13 00:00", "02-27 00:00"]


def test_a_fixed_time_that_the_clock_skips_is_due_right_after_the_gap() -> None:
    # Vilnius: on 29 March 2026 the clock goes from 3:00 to 4:00, which is 01:00 UTC.
    assert ticks("30 3 * * *", "Europe/Vilnius", "2026-03-28 12:00", 2) == ["03-29 01:00", "03-30 00:30"]
    assert ticks("0,30 3,4 * * *", "Europe/Vilnius", "2026-03-28 12:00", 2) == ["03-29 01:00", "03-29 01:30"]


def test_a_fixed_time_that_the_clock_shows_twice_is_due_once() -> None:
    # On 25 October 2026 from 4:00 back to 3:00, which is 01:00 UTC.
    assert ticks("30 3 * * *", "Europe/Vilnius", "2026-10-24 12:00", 2) == ["10-25 00:30", "10-26 01:30"]


def test_between_the_two_hours_that_look_alike_nothing_fixed_is_due_again() -> None:
    assert ticks("45 3 * * *", "Europe/Vilnius", "2026-10-25 01:30", 1) == ["10-26 01:45"]


def test_what_is_due_every_hour_is_due_in_both_hours_that_look_alike() -> None:
    assert ticks("30 * * * *", "Europe/Vilnius", "2026-10-24 23:40", 3) == [
        "10-25 00:30",
        "10-25 01:30",
        "10-25 02:30",
    ]


def test_half_an_hour_that_is_repeated_is_told_whole() -> None:
    """Lord Howe: at 2:00 back to 1:30, which is 15:00 UTC."""
    assert ticks("*/10 2 * * *", "Australia/Lord_Howe", "2026-04-04 14:00", 2) == [
        "04-04 15:30",
        "04-04 15:40",
    ]
    assert ticks("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 14:00", 2) == ["04-04 14:45", "04-05 15:15"]


def test_a_leap_day_is_found_eight_years_away() -> None:
    found = next(Cron("0 0 29 2 *").ticks(at("2096-03-01 00:00")))
    assert datetime.fromtimestamp(found, UTC).year == 2104


def test_ticks_end_where_seconds_no_longer_fit() -> None:
    found = list(Cron("@yearly").ticks(at("2100-06-01 00:00")))
    assert len(found) == 6
    assert found[-1] <= LAST_S


def test_gaps_are_those_of_the_rule_and_not_of_the_clock() -> None:
    assert Cron("0 3 * * *", "Europe/Vilnius").gaps_s() == (86_400, 86_400)
    assert Cron("*/5 9-17 * * 1-5").gaps_s() == (300, (2 * 24 + 15) * 3600 + 300)
    assert Cron("30 2,3 * * *").gaps_s() == (3600, 23 * 3600)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", "five fields"),
        ("0 3 * *", "minute, hour, day"),
        ("0 0 3 * * *", "minute, hour, day"),
        ("61 * * * *", "bad minute"),
        ("* * * * 1#6", "bad day-of-week"),
        ("@reboot", "five fields"),
        ("0 0 31 2 *", "not due once"),
        ("0 0 31 4,6,9,11 *", "not due once"),
        ("0 0 */20 * 1L", "not due once"),
        ("0 0 29 2 mon#6", "bad day-of-week"),
        ("*," * MAX_TEXT + "* * * * *", "at most"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(rule: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        checked_cron(rule, "UTC")
    assert refused.value.field == "schedule"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "europe/vilnius", "../zones", "UTC+3", "zones"])
def test_a_zone_that_is_not_there_is_refused_by_name(zone: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_cron("* * * * *", zone)
    assert refused.value.field == "timezone"


@given(st.text(alphabet="0123456789*/,-#LW@ adilyMONsunjan", max_size=40))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        cron = checked_cron(text, "Europe/Vilnius")
    except Invalid as refused:
        assert refused.field == "schedule"
    else:
        after_s = at("2026-01-01 00:00")
        assert next(cron.ticks(after_s)) > after_s


EDGES = ("Australia/Lord_Howe", "Europe/Dublin", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Apia")


@pytest.mark.parametrize("zone", [*EDGES, "Asia/Beirut", "Europe/Vilnius"])
def test_rules_are_due_as_a_walk_through_the_minutes_around_a_change_of_the_clock_tells(zone: str) -> None:
    for moment in transitions(zone, 2026, 2027) or [at("2026-03-29 01:00")]:
        assert differences(zone, moment, RULES[::3], hours=4) == []


@pytest.mark.slow
def test_rules_are_due_on_every_change_of_every_clock_as_a_walk_through_the_minutes_tells() -> None:
    """All zones of the database, five years; zones that changed alike are walked once."""
    from_year = 2026
    seen: set[tuple[object, ...]] = set()
    walked = 0
    for zone in sorted(ZONES):
        moments = transitions(zone, from_year, from_year + 5)
        alike = (*moments, *offsets(zone, moments or [at(f"{from_year}-07-01 00:00")]))
        if alike in seen:
            continue
        seen.add(alike)
        for moment in moments or [at(f"{from_year}-07-01 00:00")]:
            assert differences(zone, moment, RULES, hours=8) == [], zone
            walked += 1
    assert walked > 100
