"""Starts the job: with this process's environment, descriptors and signal mask, and with a reason if it cannot be."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Iterable, Sequence

SHELL = "/bin/sh"
NOT_RUNNABLE, NOT_FOUND = 126, 127
FileAction = tuple[int, int, int]


class NotStarted(Exception):
    """The command cannot be run; `code` is what a shell would end with."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def start_process(command: Sequence[str], file_actions: Iterable[FileAction], mask: Iterable[int]) -> int:
    """Start a command; its pid. A script without a first line of its own is run by the shell, as cron and env do.

    Raises:
        NotStarted: there is no such command, or it cannot be run.
    """
    try:
        return _spawn(command, file_actions, mask)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise _reason(command[0], error) from error
    try:
        return _spawn((SHELL, shutil.which(command[0]) or command[0], *command[1:]), file_actions, mask)
    except OSError as error:
        raise _reason(command[0], error) from error


def _spawn(command: Sequence[str], file_actions: Iterable[FileAction], mask: Iterable[int]) -> int:
    return os.posix_spawnp(
        command[0],
        list(command),
        os.environ,
        file_actions=list(file_actions),
        setsigmask=list(mask),
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores, and a job would inherit
    )


def _reason(name: str, error: OSError) -> NotStarted:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return NotStarted(NOT_FOUND, f"{name}: there is no such command")
    return NotStarted(NOT_RUNNABLE, f"{name}: cannot be run ({error.strerror})")
