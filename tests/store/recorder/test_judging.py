"""Streaks against a small model: runs of breaches, looked at from above instead of value by value."""

from __future__ import annotations

from itertools import groupby
from typing import get_args
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from store.book.alert_writer import AlertState
from store.book.rule_reader import Rule
from store.live.packing import EventKind, MetricEvent, pack_metric_event, read_event
from store.metric_alert import Operator
from store.recorder.judging import judge

NUMBERS = st.sampled_from([-1.0, 0.0, 1.0, 2.0])
TEXTS = st.sampled_from(["ok", "late", ""])
VALUES = NUMBERS | TEXTS
THRESHOLDS = st.tuples(st.sampled_from(get_args(Operator)), NUMBERS) | st.tuples(
    st.sampled_from(["=", "!="]), TEXTS
)
# Moments that repeat, go back and jump.
MOMENTS = st.integers(min_value=1000, max_value=1010)


def rule_of(operator: str, threshold: float | str, times: int) -> Rule:
    return Rule(1, UUID(int=1), 2, 3, UUID(int=2), "job", 60, 30, 4, "k", operator, threshold, times, 1, 0)


def is_outside(value: float | str, operator: str, threshold: float | str) -> bool:
    compared = {"<": value < threshold, "=": value == threshold, ">": value > threshold}  # type: ignore[operator]
    return {
        ">": compared[">"],
        "<": compared["<"],
        ">=": compared[">"] or compared["="],
        "<=": compared["<"] or compared["="],
        "=": compared["="],
        "!=": not compared["="],
    }[operator]


def expected(
    values: list[float | str], operator: str, threshold: float | str, times: int
) -> list[tuple[int, int]]:
    """(kind, place) of what has to be told: the nth of each run of breaches that is long enough, the first after it."""
    told: list[tuple[int, int]] = []
    comparable = [(at, one) for at, one in enumerate(values) if type(one) is type(threshold)]
    runs = groupby(comparable, lambda one: is_outside(one[1], operator, threshold))
    was_open = False
    for outside, run in runs:
        places = [at for at, _ in run]
        if outside and len(places) >= times:
            told.append((EventKind.BREACHED, places[times - 1]))
            was_open = True
        elif not outside:
            if was_open:
                told.append((EventKind.CLEARED, places[0]))
            was_open = False
    return told


@settings(max_examples=400)
@given(
    values=st.lists(st.tuples(VALUES, MOMENTS), max_size=25),
    condition=THRESHOLDS,
    times=st.integers(min_value=1, max_value=4),
)
def test_what_is_told_is_what_the_runs_of_breaches_say(
    values: list[tuple[float | str, int]], condition: tuple[str, float | str], times: int
) -> None:
    rule, told = rule_of(*condition, times), []
    state = AlertState(alert_id=1, monitor_id=2, version=1)
    events: list[MetricEvent] = []
    for place, (value, at_ms) in enumerate(values):
        state, event = judge(rule, state, value, at_ms)
        if event is not None:
            told.append((event.kind, place))
            events.append(event)
            assert event.told.value == value

    assert told == expected([value for value, _ in values], *condition, times)
    pairs = list(zip(events[::2], events[1::2], strict=False))
    for breached, cleared in pairs:
        assert cleared.incident_id == breached.incident_id
        assert breached.breach_ms <= breached.started_ms == cleared.started_ms <= cleared.at_ms
    opened = [event for event in events if event.kind == EventKind.BREACHED]
    assert len({event.incident_id for event in opened}) == len(opened)


@given(value=VALUES, key=st.text(max_size=20), name=st.text(max_size=20))
def test_an_event_survives_its_packing(value: float | str, key: str, name: str) -> None:
    rule = Rule(7, UUID(int=1), 2, 3, UUID(int=9), name, 60, 30, 4, key, "=", value, 1, 1, 0)
    _, event = judge(rule, AlertState(alert_id=7, monitor_id=2, version=1), value, 1_800_000_000_000)
    assert event is not None

    packed = pack_metric_event(event)

    assert read_event(packed) == event
    for length in range(len(packed)):
        assert read_event(packed[:length]) is None
