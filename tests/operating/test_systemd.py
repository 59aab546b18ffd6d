"""The units of the book, as systemd itself reads them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_docs import DOCS

BOOK = DOCS / "operating"
ANALYZE = shutil.which("systemd-analyze")
UNITS = sorted(path.name for pattern in ("*.service", "*.timer") for path in BOOK.glob(pattern))
MOST_EXPOSED = 2.0
pytestmark = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed (Debian's package systemd)"
)


def analyze(*words: str | Path) -> str:
    done = subprocess.run([str(ANALYZE), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name in UNITS:
        text = (BOOK / name).read_text(encoding="utf-8")
        # What they start is not installed where the tests run.
        (tmp_path / name).write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        )

    assert analyze("verify", "--man=no", *(tmp_path / name for name in UNITS)).strip() == ""


def test_the_service_is_locked_in() -> None:
    said = analyze("security", "--offline=true", BOOK / "overdue.service")
    (exposure,) = re.findall(r"exposure level for overdue.service: (\d+\.\d)", said)

    assert float(exposure) <= MOST_EXPOSED


def test_the_service_leaves_serve_the_time_that_it_promises_to_need() -> None:
    text = (BOOK / "overdue.service").read_text(encoding="utf-8")

    assert "\nKillMode=mixed\n" in text
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) > 10
