"""Signals as letters: they are held back from this process, and read one by one by the loop that passes them on.

A terminal sends Ctrl-C to every process in front of it, so the job has had that one already; the kernel marks such
signals on Linux. Elsewhere the terminal is asked who is in front of it.
"""

from __future__ import annotations

import os
import signal
import sys

STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
PASSED_ON = STOPPING | {signal.SIGUSR1, signal.SIGUSR2}
HELD = PASSED_ON | {signal.SIGCHLD}
FROM_THE_KERNEL = 0x80  # SI_KERNEL


class Inbox:
    """From its making on, no signal that can be passed on ends this process."""

    def __init__(self) -> None:
        signal.signal(
            signal.SIGCHLD, lambda number, frame: None
        )  # what nobody handles may be thrown away unread
        self.former_mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)

    def next(self) -> signal.Signals | None:
        """Wait for something to happen; the signal, if there is one and nobody else has given it to the job."""
        number, given_already = _wait()
        return number if number in PASSED_ON and not given_already else None

    def wake(self) -> None:
        """Let `next` return; from any thread."""
        os.kill(os.getpid(), signal.SIGCHLD)


def _wait() -> tuple[signal.Signals, bool]:
    if sys.platform == "darwin":
        number = signal.Signals(signal.sigwait(HELD))
        return number, number in {signal.SIGINT, signal.SIGQUIT} and _is_in_front()
    found = signal.sigwaitinfo(HELD)
    return signal.Signals(found.si_signo), found.si_code == FROM_THE_KERNEL


def _is_in_front() -> bool:
    """Whether this process's group is the one that its terminal sends signals to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
