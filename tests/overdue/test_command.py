"""The `overdue` command: sentences instead of tracebacks, and nothing loaded that is not asked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from overdue.command import COMMANDS


def overdue(*words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OVERDUE_")} | extra
    return subprocess.run(
        [sys.executable, "-P", "-m", "overdue", *words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_tells_its_version() -> None:
    assert overdue("--version").stdout == f"Overdue {version('overdue')}\n"


def test_its_help_names_every_command() -> None:
    shown = overdue("--help").stdout
    for command in COMMANDS:
        assert f"\n  {command} " in shown


@pytest.mark.parametrize("command", ["serve", "ingest", "sweeper", "recorder"])
def test_a_bad_setting_stops_the_start_with_its_name_and_a_sentence(command: str, tmp_path: Path) -> None:
    ended = overdue(command, OVERDUE_DATA=str(tmp_path / "data"), OVERDUE_PORT="99999")
    assert ended.returncode == 2
    assert ended.stderr == "overdue: OVERDUE_PORT: 99999 is not between 1 and 65535\n"
    assert not (tmp_path / "data").exists()


def test_a_mistyped_setting_is_said_at_the_start_and_stops_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it does not start all the same
        port = str(taken.getsockname()[1])
        ended = overdue(
            "serve", OVERDUE_DATA=str(tmp_path), OVERDUE_PORT=port, OVERDUE_SMTP_UR="smtp://s3cret"
        )
    assert "OVERDUE_SMTP_UR is no setting and changes nothing; did you mean OVERDUE_SMTP_URL?" in ended.stderr
    assert f"port {port}" in ended.stderr.splitlines()[-1]
    assert "s3cret" not in ended.stderr


def test_a_part_by_hand_without_any_server_says_what_to_do(tmp_path: Path) -> None:
    ended = overdue("sweeper", OVERDUE_DATA=str(tmp_path))
    assert ended.returncode == 2
    assert "start `overdue serve` first, or name a server" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_commands_of_parts_load_no_web_framework() -> None:
    loaded = "import overdue.parts, sys; print([m for m in ('starlette', 'uvicorn', 'sqlite3') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_the_first_half_of_serve_loads_no_metrics() -> None:
    loaded = "import overdue.serve, sys; print('prometheus_client' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
