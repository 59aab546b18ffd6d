"""The suite can fail: each deliberate breakage, one at a time in a copy of the product, fails the test named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.breakages import BREAKAGES
from tests.copied import ROOT, Copy
from tests.system.waiting import until

PASSED, FAILED = 0, 1
STILL = """
import subprocess
child = subprocess.Popen(["sleep", "60"])
print("called", child.pid, flush=True)
child.wait()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    yield Copy(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize("name", BREAKAGES)
def test_the_text_that_is_broken_stands_in_its_file_once(name: str) -> None:
    one = BREAKAGES[name]
    assert (ROOT / one.file).read_text(encoding="utf-8").count(one.before) == 1
    assert (ROOT / one.test.partition("::")[0]).exists()


def is_alive(pid: int) -> bool:
    """A process that nobody has collected yet is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_stands_still_is_killed_with_what_it_has_started_and_its_words_are_shown(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    (tmp_path / "copy" / "still.py").write_text(STILL)
    with pytest.raises(AssertionError, match=r"still has not ended within 1 s:\ncalled (\d+)") as error:
        copy.run("still", within_s=1)
    started = int(str(error.value).rpartition("called ")[2].split()[0])
    until(lambda: not is_alive(started), 5, "what it has started is gone")


@pytest.mark.slow
def test_the_tests_pass_where_nothing_is_broken(copy: Copy) -> None:
    ended = copy.run_tests(*dict.fromkeys(one.test for one in BREAKAGES.values()), within_s=600)
    assert ended.returncode == PASSED, ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKAGES)
def test_the_suite_notices_that(name: str, copy: Copy) -> None:
    one = BREAKAGES[name]
    with copy.broken(one):
        ended = copy.run_tests(one.test)
    # 1 is a test that failed; whatever could not even be collected ends with another code.
    assert ended.returncode == FAILED, ended.stdout
