"""What `serve` says when it is ready: a curl line that a shell takes as it stands."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from overdue.welcome import Welcome


def welcome(data: Path, new_key: str) -> Welcome:
    return Welcome(
        address="http://127.0.0.1:8000", server="Valkey 9.1.2, embedded", data=data, new_key=new_key
    )


def as_the_shell_has_it(line: str) -> list[str]:
    """The words that curl would be given."""
    shown = subprocess.run(
        ["sh", "-c", line.replace("curl ", "printf '%s\\n' ", 1)], capture_output=True, text=True, check=True
    )
    return shown.stdout.splitlines()


@pytest.mark.parametrize("name", ["data", "my data", "it's"])
@pytest.mark.parametrize("new_key", ["od_abc", "with'quote$x"])
def test_the_line_carries_the_key_and_a_body_that_is_json(tmp_path: Path, name: str, new_key: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "admin-key").write_text(f"{new_key}\n")
    for key in (new_key, ""):
        words = as_the_shell_has_it(welcome(tmp_path / name, key).curl())
        assert words[:3] == ["-X", "POST", "http://127.0.0.1:8000/api/monitors"]
        assert f"x-api-key: {new_key}" in words
        assert json.loads(words[-1])["interval"] == 60


def test_the_key_is_shown_once() -> None:
    assert "od_abc" in welcome(Path("data"), "od_abc").text()
    assert "kept in data/admin-key" in welcome(Path("data"), "").text()
    assert shlex.quote("data/admin-key") in welcome(Path("data"), "").curl()
