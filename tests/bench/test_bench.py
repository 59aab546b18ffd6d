"""The bench itself, small: real parts, real pings, and what it says and leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cpu import descendants, read_stat

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--rounds", "1", "--monitors", "20", "--connections", "8", "--client", "own"]

pytestmark = pytest.mark.slow


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *SMALL, *options],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_prints_one_table_and_everything_answered_was_recorded(tmp_path: Path) -> None:
    with start(tmp_path, "--seconds", "1") as bench:
        printed, progress = bench.communicate(timeout=120)

    assert bench.returncode == 0, printed + progress
    assert "in overdue_pings_total and in history.db, and no others." in printed
    assert "\nempty ASGI reply " in printed and "\nping " in printed
    assert "ping over 8, round 1 of 1" in progress
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process_and_no_file(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path, "--seconds", "60") as bench:
        assert bench.stderr
        while "monitors" not in bench.stderr.readline():
            assert bench.poll() is None
        started = descendants(bench.pid)
        bench.send_signal(number)
        bench.communicate(timeout=60)

    assert bench.returncode == 130
    assert len(started) >= 6
    assert [pid for pid in started if read_stat(pid)] == []
    assert list(tmp_path.iterdir()) == []
