"""A copy of the product with its tests, in which something may be broken for a while."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.breakage import Breakage

# A test that is named for a breakage takes seconds; on a loaded machine some times as long.
WITHIN_S, ENDED_WITHIN_S = 120.0, 20.0
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

    def run(self, module: str, *options: str, within_s: float = WITHIN_S) -> subprocess.CompletedProcess[str]:
        """Run a module of the copy. What has not ended by then is ended with all that it has started.

        Raises:
            AssertionError: it has not ended; with the last of what it has said.
        """
        command = [sys.executable, "-m", module, *options]
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as said,
            subprocess.Popen(
                command,
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(self._folder), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                code = process.wait(within_s)
            except BaseException as error:
                _end(process)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                code = None
            said.seek(0)
            output = said.read()
        shown = " ".join(command[1:])
        assert code is not None, f"{shown} has not ended within {within_s:g} s:\n{output[-8000:]}"
        return subprocess.CompletedProcess(command, code, output)

    def run_tests(self, *tests: str, within_s: float = WITHIN_S) -> subprocess.CompletedProcess[str]:
        """Run these tests of the copy, without the slow ones."""
        plain = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=-p no:valkey")
        return self.run("pytest", *plain, "-m", "not slow", *tests, within_s=within_s)


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, so that it clears away what it has started; and for good, if that takes too long."""
    os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(ENDED_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
