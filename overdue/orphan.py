"""Stops an embedded Valkey that a killed `serve` left behind, and nothing else: a pid alone proves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from overdue.valkey import configuration_file, embedded_url, socket_path
from store.clock import monotonic_ms
from store.errors import SettingError
from store.live.server import feel_pulse

STOP_BOUND_MS = 10_000
KILL_BOUND_MS = 3_000
LOOK_EVERY_S = 0.05


async def stop_orphan(data: Path, say: Callable[[str], None]) -> None:
    """Stop our own server of an earlier start, if there is one.

    1. The pid that its pid file names counts if that process's command line names our valkey.conf.
    2. Else the pid that answers at our socket counts, on the same condition.
    3. Ask it to end; it writes what it holds. If it does not, kill it.

    Raises:
        SettingError: something else answers at our socket.
    """
    pid = _pid_of_file(data)
    if pid is None:
        pid = await _pid_behind_socket(data)
    if pid is None:
        return
    say(f"stopping the Valkey that a former start left behind (process {pid})")
    _send(pid, signal.SIGTERM)
    if not await _is_gone(data, pid, STOP_BOUND_MS):
        say(f"it does not stop; killing process {pid}")
        _send(pid, signal.SIGKILL)
        if not await _is_gone(data, pid, KILL_BOUND_MS):
            raise SettingError(
                "OVERDUE_DATA", f"process {pid}, a Valkey on {data}, cannot be stopped; stop it"
            )


def is_ours(pid: int, data: Path) -> bool:
    """Whether a process is a server that runs on our configuration file (not, say, an editor that shows it)."""
    return command_line(pid).strip().endswith(f"-server {configuration_file(data)}")


def command_line(pid: int) -> str:
    """A process's command line with spaces between its words; empty if it is gone or not visible."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return os.fsdecode((proc / str(pid) / "cmdline").read_bytes()).replace("\0", " ")
        except OSError:
            return ""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout


def _pid_of_file(data: Path) -> int | None:
    try:
        text = (data / "valkey.pid").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    pid = int(text) if text.isdecimal() and len(text) < 10 else 0
    return pid if pid > 1 and is_ours(pid, data) else None


async def _pid_behind_socket(data: Path) -> int | None:
    if not socket_path(data).exists():
        return None
    server = await feel_pulse(embedded_url(data))
    if server is None:
        return None
    if server.config_file != str(configuration_file(data)) or not is_ours(server.pid, data):
        raise SettingError(
            "OVERDUE_DATA", f"a server that is not ours answers at {socket_path(data)}; stop it"
        )
    return server.pid


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


async def _is_gone(data: Path, pid: int, bound_ms: int) -> bool:
    began_ms = monotonic_ms()
    while is_ours(pid, data):
        if monotonic_ms() - began_ms > bound_ms:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True
