"""The documentation is one book: every page is in its table of contents, and every command of the operator runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.system.api import Api
from tests.system.house import House, free_port, keeping_house
from tests.test_docs import DOCS, PAGES, ROOT

CONTENTS = DOCS / "README.md"
OPERATORS = [DOCS / "jobs.md", DOCS / "operating.md", *sorted((DOCS / "operating").glob("*.md"))]
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]+) -->\n)?^```sh\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)
PAGE_WITHIN_S = 120


class Block(msgspec.Struct, frozen=True):
    """One example of the shell. `reason`: why it cannot be run in a test; empty if it can."""

    text: str
    reason: str


def shell(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["text"], one["reason"] or "") for one in found]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_every_page_is_in_the_table_of_contents() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", CONTENTS.read_text(encoding="utf-8"))
    pages = [(DOCS / target).resolve() for target in linked]

    assert len(pages) == len(set(pages)), "a page is listed twice"
    assert set(pages) == {page.resolve() for page in PAGES} - {CONTENTS.resolve()}


def test_the_chapters_are_numbered_in_order() -> None:
    numbers = re.findall(r"^(\d+)\. \[", CONTENTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert numbers == [str(number + 1) for number in range(len(numbers))]


def test_every_file_for_the_operator_is_linked_from_a_page() -> None:
    for file in (DOCS / "operating").iterdir():
        if file.suffix != ".md":
            assert any(f"]({file.name})" in page.read_text(encoding="utf-8") for page in OPERATORS), file.name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_can_be_read_by_a_shell(page: Path) -> None:
    for block in shell(page):
        checked = subprocess.run(
            ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with keeping_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Where an operator sits: the documentation at hand, and `overdue` on the path."""
    (tmp_path / "docs").symlink_to(DOCS)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "overdue"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m overdue "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", OPERATORS, ids=name_of)
def test_every_command_of_the_operator_runs(page: Path, house: House, desk: Path) -> None:
    blocks = [block.text for block in shell(page) if not block.reason]
    script = in_this_house("\n".join(blocks), house)
    if "promtool" in script and shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    environ = {name: text for name, text in house.environ.items() if name != "OVERDUE_ADMIN_KEY"}
    path = f"{desk / 'bin'}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=desk,
        env=environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PAGE_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def in_this_house(script: str, house: House) -> str:
    """The commands with the ports and the ping key of the test in the place of those that the book shows."""
    api = Api(house.url)
    key = str(api.monitor(60)["key"])
    api.close()
    script = script.replace("127.0.0.1:8000", f"127.0.0.1:{house.port}").replace("8001", str(free_port()))
    return script.replace("XBvVBR5rK7VcjeleNhrSf7", key)
