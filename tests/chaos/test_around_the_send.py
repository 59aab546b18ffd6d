"""Hundreds of deaths of the sweeper around the send: nothing is lost, and little is told twice, in the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breakages import BREAKAGES
from tests.chaos.around_the_send import AFTER, AMONG, BEFORE, CHANNELS, INTERVALS_S, played
from tests.copied import Copy

ROUNDS = 70


@pytest.mark.slow
async def test_whoever_dies_around_the_send_each_silence_is_one_incident_and_told_under_one_id(
    tmp_path: Path,
) -> None:
    tallies = await played(tmp_path, ROUNDS)
    assert {point: tally.wrong for point, tally in tallies.items() if tally.wrong} == {}
    for point, tally in tallies.items():
        assert tally.kills == ROUNDS
        assert tally.incidents == tally.rows == ROUNDS * len(INTERVALS_S[point])
    assert all(tallies[point].calls == tallies[point].incidents for point in BEFORE)
    assert tallies[AFTER].calls > tallies[AFTER].incidents, "no death came before its settling"
    assert tallies[AMONG].calls > tallies[AMONG].incidents * CHANNELS[AMONG] + ROUNDS, (
        "no death took several along"
    )


@pytest.mark.slow
def test_these_rounds_can_fail(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    with copy.broken(BREAKAGES["a lease is not taken back"]):
        ended = copy.run("tests.chaos.around_the_send", "--rounds", "1")
    assert ended.returncode == 1
    assert "TimeoutError" in ended.stdout
