"""CPU time and processes, read from the accounts of this very machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench.cpu import TICK_US, command_line, cpu_us, descendants, parse_stat, read_stat

LINE = "4711 (a (b) c) d) S 42 4711 4711 0 -1 4194560 800 0 3 0 70 30 5 2 20 0 7 0 123456 1000 200"


def test_the_name_of_a_command_may_hold_spaces_and_brackets() -> None:
    stat = parse_stat(LINE)

    assert (stat.parent, stat.cpu_us, stat.started_ticks) == (42, 107 * TICK_US, 123456)


def test_our_own_cpu_time_is_what_the_clock_of_the_process_says() -> None:
    ends_s = time.process_time() + 0.1
    while time.process_time() < ends_s:
        pass
    told_us, known = cpu_us([os.getpid()]), os.times()

    known_us = sum(known[:4]) * 1e6
    assert told_us is not None
    assert abs(told_us - known_us) <= 5 * TICK_US


def test_a_process_that_is_gone_has_no_cpu_time() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()

    assert read_stat(child.pid) is None
    assert cpu_us([os.getpid(), child.pid]) is None
    assert command_line(child.pid) == ""


def test_grandchildren_are_found_by_their_command_line() -> None:
    inner = "import sys; sys.stdin.read()  # the grandchild"
    outer = (
        f"import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', {inner!r}]); "
        "print(c.pid, flush=True); c.wait()"
    )
    child = subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout and child.stdin
        grandchild = int(child.stdout.readline())

        assert {child.pid, grandchild} <= set(descendants(os.getpid()))
        assert descendants(child.pid) == (grandchild,)
        assert "the grandchild" in command_line(child.pid)
        child.stdin.close()
