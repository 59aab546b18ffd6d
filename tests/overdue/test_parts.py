"""The command of one ingest process of several: its number, and the sockets that it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from overdue import parts
from overdue.command import main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """What was started: its name, its own socket, its neighbours' and its number."""
    started: list[tuple[Any, ...]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        parts, "_run", lambda name, settings, path, *arguments: started.append((name, *arguments))
    )
    return started


def ingest(*words: str, workers: int = 1) -> Result:
    return CliRunner().invoke(main, ["ingest", *words], env={"OVERDUE_WORKERS": str(workers)})


@pytest.mark.parametrize(
    ("words", "workers", "expected"),
    [
        ((), 1, ("ingest", None, (), 0)),
        (("--fd", "5"), 1, ("ingest", 5, (), 0)),
        (("--worker", "3"), 1, ("ingest-3", None, (), 3)),
        (("--fd", "5,6,7", "--worker", "1"), 3, ("ingest-1", 6, (5, 7), 1)),
        (("--fd", "5", "--worker", "1"), 3, ("ingest-1", 5, (), 1)),
        (("--fd", "5,6", "--worker", "0"), 2, ("ingest-0", 5, (6,), 0)),
    ],
)
def test_each_of_several_has_a_name_a_socket_and_neighbours(
    started: list[tuple[Any, ...]], words: tuple[str, ...], workers: int, expected: tuple[Any, ...]
) -> None:
    assert ingest(*words, workers=workers).exit_code == 0
    assert started == [expected]


@pytest.mark.parametrize(
    "words", [("--worker", "64"), ("--worker", "-1"), ("--fd", "five"), ("--fd", "5,6", "--worker", "2")]
)
def test_a_number_or_a_socket_that_cannot_be_is_refused(
    started: list[tuple[Any, ...]], words: tuple[str, ...]
) -> None:
    ended = ingest(*words)
    assert (ended.exit_code, started) == (2, [])
    assert "Invalid value for" in ended.output
