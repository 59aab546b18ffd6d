"""The claim on a data folder: one `serve` at a time, and none of its parts may be left from the one before.

Two lock files. `lock` belongs to `serve` alone and says who it is. `parts.lock` is locked by `serve` too, but its
descriptor is handed down to the parts, so it stays locked until the last of them has ended: a `serve` that
follows a killed one waits for them, as two recorders on one history.db would be one too many.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.clock import monotonic_ms
from store.errors import SettingError

VARIABLE = "OVERDUE_DATA"
PARTS_BOUND_MS = 10_000
LOOK_EVERY_S = 0.05

_log = logging.getLogger(__name__)


@contextmanager
def claim(data: Path) -> Iterator[int]:
    """Make the data folder if need be and hold it; gives the descriptor that the parts inherit.

    Raises:
        SettingError: another `serve` holds it, its parts do not end, or it cannot be written to.
    """
    make_folder(data)
    own = _open(data / "lock")
    try:
        if not _try_lock(own):
            raise SettingError(VARIABLE, _taken(data, own))
        os.ftruncate(own, 0)
        os.write(own, f"{os.getpid()}\n".encode())
        parts = _open(data / "parts.lock")
        try:
            _wait_for_parts(data, parts)
            yield parts
        finally:
            os.close(parts)
    finally:
        os.close(own)


def make_folder(data: Path) -> None:
    """Make the data folder, for its owner alone; one that exists is left as it is."""
    try:
        if not data.is_dir():
            data.parent.mkdir(parents=True, exist_ok=True)
            data.mkdir(mode=0o700)
    except OSError as error:
        raise SettingError(VARIABLE, f"the folder {data} cannot be made: {error.strerror}") from error


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingError(VARIABLE, f"{path} cannot be written: {error.strerror}") from error


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _taken(data: Path, fd: int) -> str:
    holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
    who = f"process {holder}" if holder else "another process"
    return f"the folder {data} is in use by {who}; stop that first, or give this one a folder of its own"


def _wait_for_parts(data: Path, fd: int) -> None:
    began_ms = monotonic_ms()
    told = False
    while not _try_lock(fd):
        if not told:
            _log.info("parts of a former start are still finishing; waiting for them")
            told = True
        if monotonic_ms() - began_ms > PARTS_BOUND_MS:
            raise SettingError(
                VARIABLE,
                f"parts of a former start still use {data}; look for them with "
                "`pgrep -fl 'overdue (ingest|sweeper|recorder)'` and end them",
            )
        time.sleep(LOOK_EVERY_S)
