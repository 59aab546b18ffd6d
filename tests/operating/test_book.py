"""The documentation is one book: every page is in its table of contents, and every command in it runs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest

from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House, free_port, keeping_house
from tests.system.waiting import until
from tests.test_docs import DOCS, PAGES, ROOT

CONTENTS = DOCS / "README.md"
OPERATORS = [DOCS / "jobs.md", DOCS / "operating.md", *sorted((DOCS / "operating").glob("*.md"))]
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]+) -->\n)?^```sh\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)
PAGE_WITHIN_S = 120
DELETES = 'curl -X DELETE "$OVERDUE/api/monitors/$ID" -H "$KEY"'


class Block(msgspec.Struct, frozen=True):
    """One example of the shell. `reason`: why it cannot be run in a test; empty if it can."""

    text: str
    reason: str


def shell(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["text"], one["reason"] or "") for one in found]


# The first page starts Overdue, shows a receiver that runs until it is stopped, and names the tests.
ELSEWHERE = {
    block.text for block in shell(ROOT / "README.md") if re.search(r"\bmake |serve_forever", block.text)
}


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
def desk(tmp_path: Path, house: House) -> Path:
    """Where a reader sits: documentation and data at hand, `overdue` on the path, and a curl that fails on a 4xx."""
    (tmp_path / "docs").symlink_to(DOCS)
    (tmp_path / "data").symlink_to(house.data)
    (tmp_path / "bin").mkdir()
    for name, line in (
        ("overdue", f'exec {sys.executable} -P -m overdue "$@"'),
        ("curl", f'exec {shutil.which("curl")} --fail "$@"'),
    ):
        command = tmp_path / "bin" / name
        command.write_text(f"#!/bin/sh\n{line}\n")
        command.chmod(0o755)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if shell(page)], ids=name_of)
def test_every_command_runs(page: Path, house: House, desk: Path) -> None:
    script = "\n".join(
        block.text for block in shell(page) if not block.reason and block.text not in ELSEWHERE
    )
    for tool in ("curl", "promtool"):
        if tool in script and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    environ = {name: text for name, text in house.environ.items() if name != "OVERDUE_ADMIN_KEY"}

    command = ["bash", "-euxo", "pipefail", "-c", in_this_house(script, house, page.stem)]
    environ |= {"PATH": f"{desk / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    with (desk / "said").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=desk, env=environ, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(PAGE_WITHIN_S)
        finally:
            with suppress(ProcessLookupError):  # whatever the page has started, if it went wrong
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    assert code == 0, (desk / "said").read_text()


def in_this_house(script: str, house: House, page: str) -> str:
    """The commands with what exists here in the place of what the book shows: a monitor that has pinged already."""
    with closing(Api(house.url)) as api:
        monitor, another = api.monitor(60), api.monitor(60)
        api.post(f"/ping/{monitor['key']}", {"queue_size": 17})
        until(lambda: api.pings(monitor["id"]), 10, "the ping is in the history")
        for shown, here in (
            ("127.0.0.1:8000", f"127.0.0.1:{house.port}"),
            ("8001", str(free_port())),
            ("XBvVBR5rK7VcjeleNhrSf7", str(monitor["key"])),
            ("a7464a33-9799-4c81-9897-4afa70a3c708", str(api.channel("http://127.0.0.1:9/")["id"])),
            ("/api/keys/7", f"/api/keys/{api.post('/api/keys', {'name': 'book', 'scope': 'read'})['id']}"),
            ("acme", f"acme-of-{page}"),
            (DELETES, f"{DELETES}\nID={another['id']}"),
        ):
            script = script.replace(shown, here)
    return f"OVERDUE={house.url}\nKEY='x-api-key: {ADMIN_KEY}'\nID={monitor['id']}\n" + script
