"""A copy of the product with its tests, in which something may be broken for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.breakages import Breakage

ROOT = Path(__file__).parent.parent
FOLDERS = ("overdue", "ingest", "sweeper", "store", "bench", "tests")


class Copy:
    """The copy in a folder of its own; what runs there runs on its own code."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in FOLDERS:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)

    @contextmanager
    def broken(self, one: Breakage) -> Iterator[None]:
        """Broken for as long as the block lasts."""
        file = self._folder / one.file
        whole = file.read_text(encoding="utf-8")
        file.write_text(whole.replace(one.before, one.after), encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(whole, encoding="utf-8")

    def run(self, module: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the copy."""
        environ = {**os.environ, "PYTHONPATH": str(self._folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "-m", module, *options],
            cwd=self._folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def run_tests(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Run these tests of the copy, without the slow ones."""
        plain = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=-p no:valkey")
        return self.run("pytest", *plain, "-m", "not slow", *tests)
