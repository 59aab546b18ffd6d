"""`writers` shows who listens, and releases one that is stuck; one that is heard only when that is meant."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from overdue.command import main
from overdue.writers import longest_silences
from store.live.writers import Registered
from tests.overdue.processes import redis_server
from tests.overdue.writer_slots import hold_installation_at, slots_left_at


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("r")) as url:
        yield url


@pytest.fixture
def url(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A server with one writer that is heard (in a minute, so that it stays so) and one that is stuck."""
    monkeypatch.setenv("OVERDUE_REDIS_URL", server)
    monkeypatch.chdir(tmp_path)
    asyncio.run(hold_installation_at(server, main_0=-60_000, main_1=42_000))
    return server


def run(*words: str) -> tuple[int, str]:
    ended = CliRunner().invoke(main, ["writers", *words])
    return ended.exit_code, ended.output


def test_each_is_listed_with_when_it_was_heard_and_what_that_means(url: str) -> None:
    code, said = run("list")
    first, second = (line.split("\t") for line in said.splitlines())
    assert (code, first) == (0, ["main-0", "heard 0.0 s ago", "listens"])
    assert second[0::2] == ["main-1", "holds the clock"]
    assert second[1].startswith("heard 42.")


def test_one_that_is_stuck_is_released_with_a_sentence_about_what_is_blind(url: str) -> None:
    code, said = run("drop", "main-1")
    assert code == 0
    assert said.startswith("main-1 is released: it holds the clock no longer, and the 42.")
    assert "end it" in said
    assert asyncio.run(slots_left_at(url)) == ["main-0"]


def test_one_that_is_heard_is_released_by_force_only(url: str) -> None:
    code, said = run("drop", "main-0")
    assert code == 2
    assert "main-0 was heard 0.0 s ago and holds nothing up; --force" in said
    assert asyncio.run(slots_left_at(url)) == ["main-0", "main-1"]
    assert run("drop", "main-0", "--force")[0] == 0
    assert asyncio.run(slots_left_at(url)) == ["main-1"]


def test_one_that_is_not_there_is_told_with_those_that_are(url: str) -> None:
    code, said = run("drop", "main-7")
    assert code == 2
    assert "there is no writer main-7; registered: main-0, main-1" in said


def test_without_an_installation_there_is_nothing_to_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with redis_server(tmp_path / "r") as url:
        monkeypatch.setenv("OVERDUE_REDIS_URL", url)
        code, said = run("list")
    assert (code, "start `overdue serve` first" in said) == (2, True)


def test_of_several_shards_the_longest_silence_counts() -> None:
    found = [
        Registered(0, "a-0", 5),
        Registered(1, "a-0", 9),
        Registered(0, "b-0", None),
        Registered(1, "b-0", 1),
    ]
    assert longest_silences(found) == {"a-0": 9, "b-0": None}
