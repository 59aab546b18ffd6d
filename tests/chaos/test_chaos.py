"""A whole turn of the chaos runner: a death at every fault point, kills at random, and nothing lost or wrong."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from store.fault_points import TABLE
from tests.chaos.__main__ import play
from tests.chaos.faults import a_whole_turn, drawn


@pytest.mark.slow
def test_no_death_at_any_place_loses_an_alert_or_raises_a_false_one(tmp_path: Path) -> None:
    seed = int(os.environ.get("OVERDUE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={seed}")
    rounds = play(list(drawn(random.Random(seed), a_whole_turn())), tmp_path)
    assert {one.number: one.wrong for one in rounds if one.wrong} == {}
    died_at = {one.fault.at for one in rounds if one.fault.at and one.kills}
    assert died_at == {point.name for point in TABLE}
