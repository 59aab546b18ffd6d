"""A fault point does nothing unless a test's file names it; then it ends the process as `kill -9` would, once."""

from __future__ import annotations

import ast
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store import fault_points
from store.fault_points import TABLE, VARIABLE, trap_at
from tests.chaos.builds import Build
from tests.chaos.faults import a_whole_turn, drawn
from tests.test_structure import PACKAGES, sources

REACHES = (
    "from store.fault_points import reach\nfor _ in range(5): reach('sweep.swept'); print('on', flush=True)"
)


def reached_in(tree: ast.Module) -> list[str]:
    """The names that a file hands to `reach`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    words = [one.args[0] for one in calls if isinstance(one.func, ast.Name) and one.func.id == "reach"]
    return [one.value for one in words if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def run(file: Path | None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, VARIABLE: str(file)} if file else {**os.environ}
    return subprocess.run(
        [sys.executable, "-c", REACHES], env=environ, check=False, capture_output=True, text=True
    )


def test_each_place_in_the_code_is_in_the_table_and_each_of_the_table_is_in_the_code_once() -> None:
    found = [name for _, tree in sources(*PACKAGES) for name in reached_in(tree)]
    assert sorted(found) == sorted(point.name for point in TABLE)


@pytest.mark.parametrize("seed", range(3))
def test_a_turn_of_the_chaos_runner_comes_to_every_place(seed: int) -> None:
    dice, processes = random.Random(seed), Build(workers=2).processes
    assert {one.at for one in drawn(dice, a_whole_turn(processes), processes) if one.at} == {
        point.name for point in TABLE
    }


def test_where_nobody_asks_a_place_is_an_empty_function() -> None:
    assert fault_points.reach is trap_at("")
    assert run(None).stdout == "on\n" * 5


def test_a_process_dies_where_the_file_says_and_the_next_one_lives(tmp_path: Path) -> None:
    order = tmp_path / "fault"
    order.write_text("sweep.swept 3")
    died = run(order)
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "on\n" * 2)
    assert not order.exists()
    assert run(order).returncode == 0


def test_another_place_lets_the_process_pass(tmp_path: Path) -> None:
    order = tmp_path / "fault"
    order.write_text("dispatch.leased 1")
    assert run(order).stdout == "on\n" * 5
    assert order.exists()
