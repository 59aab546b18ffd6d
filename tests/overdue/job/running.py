"""Running jobs under `overdue run`, as cron would."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO, Any

NOBODY = "http://127.0.0.1:9/ping/XBvVBR5rK7VcjeleNhrSf7"


def environ(url: str) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("OVERDUE_")}
    return inherited | {"OVERDUE_PING_URL": url}


def begin(url: str, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    """`overdue run` with these words, in the background."""
    command = [sys.executable, "-P", "-m", "overdue", "run", *words]
    return subprocess.Popen(command, env=environ(url), **options)


def run(url: str, *words: str, given: bytes = b"", stderr: int | IO[bytes] = subprocess.PIPE) -> Ended:
    """`overdue run` with these words, to its end."""
    process = begin(url, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
    out, err = process.communicate(given, 60)
    return Ended(process.returncode, out, err)


class Ended:
    """What became of it."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out
        self.err = err
