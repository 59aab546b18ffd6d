"""How a part lives: told to stop by a signal or by the end of its lifeline, and its end explained in a sentence."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from store.clock import monotonic_ms

HEAD = """
import asyncio, logging, sys, threading, time
from store import part as life
from store.errors import *
log = logging.getLogger("sweeper.sweep")
"""

WAITS = """
async def main(part):
    print("up", flush=True)
    await part.stop.wait()
    log.info("finished what it held")
"""

IGNORES = """
life.STOP_BOUND_S = 0.4
async def main(part):
    print("up", flush=True)
    await asyncio.Event().wait()
"""

STUCK = """
life.STOP_BOUND_S = 0.4
async def main(part):
    print("up", flush=True)
    time.sleep(60)
"""

RUN = '\nsys.exit(life.run_part("sweeper", main))\n'

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a part made of a few lines; with a lifeline if `lifeline` is a descriptor."""
    started: list[subprocess.Popen[str]] = []

    def start(body: str, lifeline: int | None = None) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if name != "OVERDUE_LIFELINE"}
        if lifeline is not None:
            environ["OVERDUE_LIFELINE"] = str(lifeline)
        process = subprocess.Popen(
            [sys.executable, "-c", HEAD + body + RUN],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[] if lifeline is None else [lifeline],
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    assert process.stdout.readline() == "up\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_it_finish_and_exit_with_0(start: Start, number: signal.Signals) -> None:
    process = start(WAITS)
    until_up(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=5)
    assert process.returncode == 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d sweeper  finished what it held\n", said)


def test_repeated_signals_change_nothing(start: Start) -> None:
    process = start(WAITS.replace("log.info", "await asyncio.sleep(0.3); log.info"))
    until_up(process)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGINT):
        process.send_signal(number)
    _, said = process.communicate(timeout=5)
    assert process.returncode == 0
    assert said.count("finished what it held") == 1


def test_the_end_of_the_lifeline_stops_it_and_says_so(start: Start) -> None:
    read_end, write_end = os.pipe()
    process = start(WAITS, lifeline=read_end)
    os.close(read_end)
    until_up(process)
    assert process.poll() is None
    os.close(write_end)
    _, said = process.communicate(timeout=5)
    assert process.returncode == 0
    assert "`overdue serve` is gone; stopping" in said
    assert "finished what it held" in said


def test_an_open_lifeline_does_not_keep_it_from_ending(start: Start) -> None:
    read_end, write_end = os.pipe()
    process = start(WAITS, lifeline=read_end)
    until_up(process)
    process.terminate()
    _, said = process.communicate(timeout=5)
    assert "gone" not in said
    os.close(read_end)
    os.close(write_end)


def test_a_part_that_does_not_return_is_ended_hard(start: Start) -> None:
    process = start(IGNORES)
    until_up(process)
    began_ms = monotonic_ms()
    process.terminate()
    _, said = process.communicate(timeout=5)
    assert process.returncode == 1
    assert 400 <= monotonic_ms() - began_ms < 2500
    assert "was not done 0.4 s after being told to stop" in said


def test_a_part_whose_loop_is_stuck_ends_with_its_lifeline(start: Start) -> None:
    read_end, write_end = os.pipe()
    process = start(STUCK, lifeline=read_end)
    os.close(read_end)
    until_up(process)
    os.close(write_end)
    process.communicate(timeout=5)
    assert process.returncode == 1


def test_a_forgotten_thread_does_not_keep_a_failed_part_from_being_started_again(start: Start) -> None:
    process = start(
        """
life.STOP_BOUND_S = 0.4
async def main(part):
    threading.Thread(target=time.sleep, args=(60,)).start()
    raise Fenced("another process has the slot")
"""
    )
    process.communicate(timeout=5)
    assert process.returncode == 3


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        ("Unavailable('Redis is away')", 1, "Redis is away"),
        ("SettingError('OVERDUE_PORT', 'is bad')", 2, "OVERDUE_PORT: is bad"),
        ("Fenced('the slot is taken')", 3, "the slot is taken"),
        ("ExceptionGroup('', [Unavailable('away'), Fenced('the slot is taken')])", 3, "the slot is taken"),
        ("ExceptionGroup('', [ExceptionGroup('', [Unavailable('away')])])", 1, "away"),
    ],
)
def test_an_error_on_purpose_is_one_sentence_and_a_code(
    start: Start, error: str, code: int, sentence: str
) -> None:
    process = start(f"async def main(part): raise {error}\n")
    _, said = process.communicate(timeout=5)
    assert process.returncode == code
    assert re.fullmatch(rf"\d\d:\d\d:\d\d sweeper  {re.escape(sentence)}\n", said)


@pytest.mark.parametrize(
    "error", ["KeyError('x')", "ExceptionGroup('', [Unavailable('away'), KeyError('x')])"]
)
def test_an_unexpected_error_shows_where_it_came_from(start: Start, error: str) -> None:
    process = start(f"async def main(part): raise {error}\n")
    _, said = process.communicate(timeout=5)
    assert process.returncode == 1
    assert "failed unexpectedly" in said
    assert "Traceback" in said
    assert "KeyError" in said


def test_libraries_are_heard_from_warning_on_only(start: Start) -> None:
    process = start(
        """
async def main(part):
    logging.getLogger("httpx").info("POST https://hooks.example.org/secret")
    logging.getLogger("httpx").warning("mind this")
"""
    )
    _, said = process.communicate(timeout=5)
    assert "secret" not in said
    assert "mind this" in said


def test_a_closed_stderr_does_not_harm_it(start: Start) -> None:
    process = start(WAITS.replace('print("up"', 'log.warning("one"); print("up"'))
    assert process.stderr
    select.select([process.stderr], [], [], 5)
    process.stderr.close()
    until_up(process)
    process.terminate()
    assert process.wait(5) == 0
    process.stderr = None
