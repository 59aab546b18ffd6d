"""The suite can fail: each deliberate breakage, one at a time in a copy of the product, fails the test named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.breakages import BREAKAGES
from tests.test_structure import BESIDE, PACKAGES, ROOT

PASSED, FAILED = 0, 1


class Copy:
    """A copy of the product with its tests, in which something may be broken for a while."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*PACKAGES, *BESIDE):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)

    def run(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Run these tests of the copy, on its own code."""
        environ = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        options = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=-p no:valkey")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *options, "-m", "not slow", *tests],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    yield Copy(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize("name", BREAKAGES)
def test_the_text_that_is_broken_stands_in_its_file_once(name: str) -> None:
    one = BREAKAGES[name]
    assert (ROOT / one.file).read_text(encoding="utf-8").count(one.before) == 1
    assert (ROOT / one.test.partition("::")[0]).exists()


@pytest.mark.slow
def test_the_tests_pass_where_nothing_is_broken(copy: Copy) -> None:
    ended = copy.run(*dict.fromkeys(one.test for one in BREAKAGES.values()))
    assert ended.returncode == PASSED, ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKAGES)
def test_the_suite_notices_that(name: str, copy: Copy) -> None:
    one = BREAKAGES[name]
    file = copy.folder / one.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(one.before, one.after), encoding="utf-8")
    try:
        ended = copy.run(one.test)
    finally:
        file.write_text(whole, encoding="utf-8")
    # 1 is a test that failed; whatever could not even be collected ends with another code.
    assert ended.returncode == FAILED, ended.stdout
