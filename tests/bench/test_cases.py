"""Which rows there are, and which come along when only some are wanted."""

from __future__ import annotations

import pytest

from bench.case import Way
from bench.cases import EMPTY_64, PING_64, all_cases, choose, groups
from bench.load import BenchFailed
from bench.rounds import steps_of


def test_no_two_rows_have_the_same_name() -> None:
    names = [case.name for case in all_cases(1000)]

    assert len(names) == len(set(names))


def test_a_row_stands_behind_its_reference() -> None:
    seen: set[str] = set()
    for case in all_cases(1000):
        assert {case.reference, case.source} <= seen | {""}
        seen.add(case.name)


def test_wanted_rows_bring_along_what_they_are_compared_with() -> None:
    names = [case.name for case in choose(["batch"], 500)]

    assert names[:2] == [EMPTY_64, PING_64]
    assert {case.group for case in choose(["batch"], 500)[2:]} == {"batch"}
    assert names[2] == "batches of 500, NDJSON"


def test_all_groups_together_are_all_rows() -> None:
    assert choose(groups(), 1000) == all_cases(1000)


def test_rows_that_do_not_exist_are_refused_with_those_that_do() -> None:
    with pytest.raises(BenchFailed, match=r"no such rows: nonsense; there are single, plain"):
        choose(["single", "nonsense"], 1000)


def test_lone_senders_are_one_step_and_what_follows_from_others_is_none() -> None:
    steps = steps_of(all_cases(1000))

    assert [len(step) for step in steps if step[0].way is Way.LONE] == [2]
    assert {case.way for step in steps for case in step} == set(Way) - {Way.DERIVED}
