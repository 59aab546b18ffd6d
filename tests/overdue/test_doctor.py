"""`doctor` says what it finds, one line each, and its exit code says whether anything is bad."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from overdue.command import main
from overdue.valkey import embedded_url
from tests.overdue.processes import free_port, redis_server, serving
from tests.overdue.writer_slots import hold_installation_at
from tests.stage import GENERATION


def report(
    monkeypatch: pytest.MonkeyPatch, data: Path, port: int, **extra: str
) -> tuple[int, dict[str, str]]:
    """The exit code, and the lines by what they are about."""
    environ = {"OVERDUE_DATA": str(data), "OVERDUE_PORT": str(port), **extra}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(main, ["doctor"])
    lines = ended.output.splitlines()
    return ended.exit_code, {line[6:18].strip(): f"{line[:5].strip()} {line[19:]}" for line in lines}


def test_a_running_installation_is_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    with serving(data) as serve:
        serve.wait_until_ready()
        with closing(sqlite3.connect(data / "history.db")) as connection:
            connection.execute("CREATE TABLE t (a)")
        with closing(sqlite3.connect(data / "config.db", isolation_level=None)) as connection:
            connection.execute("UPDATE installation SET generation = ?", (GENERATION,))
        asyncio.run(hold_installation_at(embedded_url(data), main_0=-60_000))
        code, found = report(monkeypatch, data, serve.port)
        said = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).output)
        listed = CliRunner().invoke(main, ["writers", "list"]).output
    assert listed == "main-0\theard 0.0 s ago\tlistens\n"
    assert (code, [line for line in found.values() if not line.startswith("ok")]) == (0, [])
    assert list(found) == [
        "settings",
        "data folder",
        "admin-key",
        "config.db",
        "history.db",
        "redis",
        "memory",
        "writers",
        "hearing",
        "parts",
        "monitors",
        "causes",
        "orphans",
        "ping keys",
        "channels",
        "plans",
        "named",
        "strangers",
        "deliveries",
        "delivery log",
        "key names",
        "statuses",
        "backlogs",
        "links",
    ]
    assert said["ok"]
    assert [one["what"] for one in said["findings"]] == list(found)


def test_a_writer_that_holds_the_clock_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server(tmp_path / "r") as url:
        for silent_ms, said in ((-60_000, "ok main-0, main-1 listen"), (9_000, "BAD main-1 stuck or gone")):
            asyncio.run(hold_installation_at(url, main_0=-60_000, main_1=silent_ms))
            _, found = report(monkeypatch, tmp_path, free_port(), OVERDUE_REDIS_URL=url)
            assert found["writers"].startswith(said)
    assert "`overdue writers drop main-1`" in found["writers"]


def test_what_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "admin-key").write_text("k")
    (tmp_path / "admin-key").chmod(0o644)
    (tmp_path / "config.db").write_text("nonsense" * 100)
    code, found = report(monkeypatch, tmp_path, free_port())
    assert code == 1
    assert "chmod 600" in found["admin-key"]
    assert "file is not a database" in found["config.db"]
    assert "is not there" in found["history.db"]
    assert "is `overdue serve` running?" in found["redis"]
    assert "nothing answers" in found["parts"]


def test_parts_that_are_not_ready_are_told_in_their_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "data", FAKE_UNREADY="1") as serve:
        code, found = 0, {"parts": "nothing answers"}
        while "answer" in found["parts"]:
            code, found = report(monkeypatch, tmp_path / "data", serve.port)
    assert code == 1
    assert found["parts"] == "BAD the recorder is not ready"


def test_a_named_server_that_would_lose_pings_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server(tmp_path / "r") as url:
        _, found = report(monkeypatch, tmp_path, free_port(), OVERDUE_REDIS_URL=url)
    assert found["redis"].startswith("warn")
    assert "appendonly yes" in found["redis"]


@pytest.mark.parametrize("url", ["redis://u:p@h:99999", "redis://h:port", "redis://h?nonsense=x"])
def test_a_redis_url_that_cannot_be_one_is_a_finding(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, found = report(monkeypatch, tmp_path, free_port(), OVERDUE_REDIS_URL=url)
    assert code == 1
    assert {found["redis"][:3], found["writers"][:3]} == {"BAD"}
    assert "nothing answers" in found["parts"]


def test_a_bad_setting_is_the_only_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = report(monkeypatch, tmp_path, 0)
    assert code == 1
    assert list(found) == ["settings"]
    assert "OVERDUE_PORT" in found["settings"]
