"""Where the figures come from: the machine and the versions, as they are said beside a table."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "redis", "hiredis")


def describe_machine() -> str:
    """The processor and how many cores this process may use."""
    cores = len(os.sched_getaffinity(0))
    model = cpu_model(Path("/proc/cpuinfo").read_text())
    return f"{model}, {cores} cores, {platform.system()} {platform.release()}"


def cpu_model(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1] if found else platform.machine()


def describe_versions(redis_pid: int) -> str:
    packages = [f"{name} {version(name)}" for name in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", describe_redis(redis_pid), *packages])


def describe_redis(pid: int) -> str:
    """The server's name and version, asked of the binary that runs."""
    said = subprocess.run(
        [f"/proc/{pid}/exe", "--version"], check=False, capture_output=True, text=True
    ).stdout
    return redis_version(said)


def redis_version(said: str) -> str:
    """From "Valkey server v=9.1.2 sha=…" the name and the number."""
    found = re.search(r"^(\w+).*?\bv=(\S+)", said)
    return f"{found[1]} {found[2]}" if found else "an unknown Redis"


def describe_wrk() -> str:
    said = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split()
    return " ".join(said[:2])


def describe_commit() -> str:
    """Which state of the code this is; unknown outside of a checkout."""
    said = []
    for command in (["git", "rev-parse", "--short=10", "HEAD"], ["git", "status", "--porcelain", "-uno"]):
        try:
            ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
        except OSError:
            return "unknown"
        said.append(ended.stdout.strip())
    commit, changes = said
    return f"{commit or 'unknown'}{' with changes' if changes else ''}"
