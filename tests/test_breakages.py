"""The suite can fail: each deliberate breakage, one at a time in a copy of the product, fails the test named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.breakages import BREAKAGES
from tests.copied import ROOT, Copy

PASSED, FAILED = 0, 1


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
    ended = copy.run_tests(*dict.fromkeys(one.test for one in BREAKAGES.values()))
    assert ended.returncode == PASSED, ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKAGES)
def test_the_suite_notices_that(name: str, copy: Copy) -> None:
    one = BREAKAGES[name]
    with copy.broken(one):
        ended = copy.run_tests(one.test)
    # 1 is a test that failed; whatever could not even be collected ends with another code.
    assert ended.returncode == FAILED, ended.stdout
