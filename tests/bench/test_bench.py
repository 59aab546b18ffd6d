"""The bench itself, short: real parts, real pings, and what it says and leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cpu import descendants, read_stat

ROOT = Path(__file__).parent.parent.parent
SHORT = ["--quick", "--monitors", "20", "--items", "50", "--client", "own"]

pytestmark = pytest.mark.slow


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *SHORT, *options],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_prints_one_table_and_everything_answered_was_recorded(short_path: Path) -> None:
    with start(short_path) as bench:
        printed, progress = bench.communicate(timeout=240)

    assert bench.returncode == 0, printed + progress
    assert "in overdue_pings_total and in history.db, and no others." in printed
    assert "\n 1  empty ASGI reply, 64 connections " in printed
    assert "\n19  recorder, rows with 2 metrics " in printed
    assert "\n[17/17] recorder, rows with 2 metrics … " in progress
    assert list(short_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process_and_no_file(short_path: Path, number: signal.Signals) -> None:
    with start(short_path, "--seconds", "60", "--rows", "single,plain") as bench:
        assert bench.stderr
        while "warming" not in bench.stderr.readline():
            assert bench.poll() is None
        started = descendants(bench.pid)
        bench.send_signal(number)
        bench.communicate(timeout=60)

    assert bench.returncode == 130
    assert len(started) >= 7
    assert [pid for pid in started if read_stat(pid)] == []
    assert list(short_path.iterdir()) == []
