"""One job from its start to the last word about it. What is said to the server never holds the job up."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import click

from overdue.job.output import Output
from overdue.job.process import NotStarted, start_process
from overdue.job.signals import STOPPING, Inbox
from overdue.job.teller import Teller
from store.clock import monotonic_ms


def run_job(command: Sequence[str], url: str, *, keep_output: bool, wait_s: float, quiet: bool) -> int:
    """Run a job; its exit code, as a shell has it.

    1. Hold signals back, so that none ends this process while it has a job to look after.
    2. Start the job, and only then the thread that pings: it loads what is slow.
    3. Pass signals on until the job has ended.
    4. Wait for the rest of its output, and `wait_s` at most for the last ping; whoever sends a signal to stop now
       does not wait.
    """
    inbox = Inbox()
    output = Output(keep_output, inbox.wake)
    teller = Teller(url, output, inbox.wake)
    began_ms = monotonic_ms()
    try:
        pid = start_process(command, output.file_actions(), inbox.former_mask)
    except NotStarted as error:
        code = error.code
        output.close()
        output.say(f"overdue: {error}\n")
    else:
        output.begin()
        teller.begin()
        code = _wait_for(pid, inbox)
        output.job_has_ended()
    teller.end(code, monotonic_ms() - began_ms, wait_s)
    _wait_for_the_rest(output, teller, inbox, wait_s)
    if teller.complaint and not quiet:
        click.echo(f"overdue: {teller.complaint}", err=True)
    return code


def _wait_for(pid: int, inbox: Inbox) -> int:
    """Pass signals on until the job has ended; its exit code."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
        if number := inbox.next():
            os.kill(pid, number)


def _wait_for_the_rest(output: Output, teller: Teller, inbox: Inbox, wait_s: float) -> None:
    overtime = threading.Event()

    def expire() -> None:
        overtime.set()
        inbox.wake()

    timer = threading.Timer(wait_s, expire)
    timer.daemon = True
    timer.start()
    while not (output.is_over() and (teller.is_over() or overtime.is_set())):
        if inbox.next() in STOPPING:
            break
    timer.cancel()
    if overtime.is_set() and not teller.is_over():
        teller.give_up(wait_s)
