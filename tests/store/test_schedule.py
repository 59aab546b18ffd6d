"""Schedules in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import Invalid
from store.monitor import MAX_INTERVAL_S, MIN_INTERVAL_S
from store.schedule import parse_schedule, say_schedule


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("every 1s", 1),
        ("every 90s", 90),
        ("every 6h", 21_600),
        ("every 24h", 86_400),
        ("every 2d", 172_800),
        ("every 1w", 604_800),
        ("every hour", 3600),
        ("every minute", 60),
        ("every day", 86_400),
        ("every 30 minutes", 1800),
        ("every 1 minute", 60),
        ("every 5 mins", 300),
        ("  EVERY  2   Days ", 172_800),
        ("every 366d", MAX_INTERVAL_S),
    ],
)
def test_a_schedule_is_understood_as_its_seconds(text: str, seconds: int) -> None:
    assert parse_schedule(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "every",
        "1h",
        "every s",
        "every 1",
        "every 1 fortnight",
        "every -1h",
        "every 1.5h",
        "every \u0661h",
        "every 1h 30m",
        "every 1h\x00",
        "hourly",
        "every " + "9" * 5000 + "s",
    ],
)
def test_what_is_no_schedule_is_refused_with_a_sentence_that_shows_one(text: str) -> None:
    with pytest.raises(Invalid, match="reads like") as refusal:
        parse_schedule(text)
    assert refusal.value.field == "schedule"


@pytest.mark.parametrize(
    "text", ["every 0s", "every 0 days", "every 367d", "every 53w", "every 999999999999w"]
)
def test_a_schedule_outside_its_bounds_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="between every 1s and every 366d"):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("every 24h", "every 24h"),
        ("every 1d", "every 24h"),
        ("every hour", "every 1h"),
        ("every 90s", "every 90s"),
        ("every 60 minutes", "every 1h"),
        ("every 120s", "every 2m"),
    ],
)
def test_a_schedule_is_said_back_in_its_short_form(asked: str, said: str) -> None:
    assert say_schedule(parse_schedule(asked)) == said


@given(st.integers(MIN_INTERVAL_S, MAX_INTERVAL_S))
def test_a_schedule_that_is_said_is_understood_again(seconds: int) -> None:
    assert parse_schedule(say_schedule(seconds)) == seconds


@given(st.text())
def test_any_other_text_is_refused_and_nothing_else_happens(text: str) -> None:
    try:
        assert MIN_INTERVAL_S <= parse_schedule(text) <= MAX_INTERVAL_S
    except Invalid as refusal:
        assert refusal.field == "schedule"
