"""One `serve` on a data folder, and none while parts of the former one still run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from overdue.lock import claim
from store.clock import monotonic_ms
from store.errors import SettingError
from tests.overdue.processes import until

HOLD = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(fd, str(os.getpid()).encode())
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(file: Path, for_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file), str(for_s)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_new_folder_is_private_and_one_that_exists_keeps_its_mode_and_files(tmp_path: Path) -> None:
    with claim(tmp_path / "new" / "data"):
        assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700
    old = tmp_path / "old"
    old.mkdir()
    old.chmod(0o755)
    (old / "file").write_text("mine")
    with claim(old):
        assert stat.S_IMODE(old.stat().st_mode) == 0o755
        assert (old / "file").read_text() == "mine"


def test_a_folder_in_use_is_refused_with_its_holder(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", 60) as other:
        with (
            pytest.raises(SettingError, match=rf"{tmp_path} is in use by process {other.pid};"),
            claim(tmp_path),
        ):
            pass
        other.kill()


def test_a_folder_whose_holder_is_gone_is_free_at_once(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", 60) as other:
        other.kill()
        other.wait()
    with claim(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_parts_of_a_former_start_are_waited_for(tmp_path: Path) -> None:
    began_ms = monotonic_ms()
    with hold(tmp_path / "parts.lock", 0.5) as part:
        with claim(tmp_path):
            until(lambda: part.poll() is not None)
        assert monotonic_ms() - began_ms >= 500


def test_parts_that_do_not_end_stop_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overdue.lock.PARTS_BOUND_MS", 100)
    with hold(tmp_path / "parts.lock", 60) as part:
        with pytest.raises(SettingError, match="parts of a former start"), claim(tmp_path):
            pass
        part.kill()


def test_a_part_that_outlives_serve_keeps_the_claim_by_what_it_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overdue.lock.PARTS_BOUND_MS", 100)
    with claim(tmp_path) as parts_lock:
        part = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[parts_lock])
    with part:
        with pytest.raises(SettingError, match="parts of a former start"), claim(tmp_path):
            pass
        part.kill()
    with claim(tmp_path):
        pass


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SettingError, match=r"OVERDUE_DATA: the folder .* cannot be made"),
        claim(tmp_path / "file"),
    ):
        pass
