"""A whole turn of the chaos runner: a death at every fault point, kills at random, and nothing lost or wrong."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from store.fault_points import TABLE
from tests.breakages import BREAKAGES
from tests.chaos.__main__ import play
from tests.chaos.builds import Build
from tests.chaos.faults import a_whole_turn, drawn
from tests.copied import Copy


@pytest.mark.slow
def test_no_death_at_any_place_loses_an_alert_or_raises_a_false_one(tmp_path: Path) -> None:
    seed = int(os.environ.get("OVERDUE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={seed}")
    build = Build()
    faults = list(drawn(random.Random(seed), a_whole_turn(build.processes), build.processes))
    rounds = play(faults, tmp_path, build)
    assert {one.number: one.wrong for one in rounds if one.wrong} == {}
    died_at = {one.fault.at for one in rounds if one.fault.at and one.kills}
    assert died_at == {point.name for point in TABLE}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("breakage", "fault", "seen"),
    [
        ("a ping is taken before the clock is known", "rebuild.noted", "ms after it was sent"),
        ("a failure in a quiet time is told", "kill sweeper", "a false alarm"),
        ("who is armed by a ping is awaited before it", "kill sweeper", "a false alarm"),
        ("a lease is not taken back", "dispatch.leased", "nobody would be told|monitor.down of fail"),
        ("the position is not committed with its rows", "recorder.committed", "recorded twice"),
        (
            "a change that was left behind is forgotten",
            "config.committed",
            "not within 40 s: a ping is answered",
        ),
    ],
)
def test_the_runner_can_fail(tmp_path: Path, breakage: str, fault: str, seen: str) -> None:
    copy = Copy(tmp_path / "copy")
    with copy.broken(BREAKAGES[breakage]):
        ended = copy.run("tests.chaos", "--rounds", "1", "--only", fault, within_s=300)
    assert ended.returncode == 1
    assert re.search(seen, ended.stdout)
