"""A child process is kept alive, and stopped in bounded time."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from overdue.supervisor import Child, Command
from store.clock import monotonic_ms

OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(60)"
)
FAILING = "import sys; sys.exit(3)"

Make = Callable[..., Child]


async def until(holds: Callable[[], object], bound_s: float = 10) -> None:
    async with asyncio.timeout(bound_s):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
async def make(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Make]:
    """Starts a child that runs a line of Python."""
    caplog.set_level(logging.INFO)
    children: list[Child] = []

    def make(
        code: str, died: Callable[[str, int], None] = lambda name, pid: None, python: str = sys.executable
    ) -> Child:
        child = Child(Command(name="sweeper", argv=(python, "-c", code), environ=os.environ), died)
        children.append(child)
        child.start()
        return child

    yield make
    for child in children:
        child.kill()
        await child.stop(5)


async def test_a_killed_child_is_started_again_and_the_death_is_said_and_counted(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    deaths: list[tuple[str, int]] = []
    child = make(OBEDIENT, lambda name, pid: deaths.append((name, pid)))
    await until(lambda: child.pid)
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid not in (None, first))
    assert deaths == [("sweeper", first)]
    assert "sweeper died (signal 9); starting it again in 0.2 s" in caplog.text


async def test_the_pause_before_the_next_start_doubles_up_to_a_bound(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overdue.supervisor.FIRST_DELAY_S", 0.01)
    monkeypatch.setattr("overdue.supervisor.LONGEST_DELAY_S", 0.04)
    child = make(FAILING)
    await until(lambda: child.deaths >= 4)
    said = [record.getMessage() for record in caplog.records if "starting it again" in record.getMessage()]
    assert [line.rsplit(" in ", 1)[1] for line in said[:4]] == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]
    assert said[0].startswith("sweeper ended (exit code 3)")


async def test_a_child_that_lived_for_a_while_is_started_again_without_a_longer_pause(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overdue.supervisor.FIRST_DELAY_S", 0.01)
    monkeypatch.setattr("overdue.supervisor.STEADY_MS", 0)
    child = make(FAILING)
    await until(lambda: child.deaths >= 3)
    said = [record.getMessage() for record in caplog.records if "starting it again" in record.getMessage()]
    assert [line.rsplit(" in ", 1)[1] for line in said[:3]] == ["0.01 s"] * 3


async def test_a_child_whose_death_cannot_be_counted_is_started_again_all_the_same(make: Make) -> None:
    def fail(name: str, pid: int) -> None:
        raise RuntimeError("no")

    child = make(FAILING, fail)
    await until(lambda: child.deaths >= 2)


async def test_a_program_that_cannot_be_started_is_tried_again(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    child = make(OBEDIENT, python="/nonexistent/python")
    await until(lambda: child.deaths >= 2)
    assert "sweeper cannot be started (No such file or directory)" in caplog.text


async def test_an_asked_for_end_is_not_a_death(make: Make) -> None:
    child = make(OBEDIENT)
    await until(lambda: child.pid)
    await child.stop(5)
    assert (child.pid, child.deaths) == (None, 0)


async def test_a_child_that_does_not_stop_is_killed_after_the_bound(
    make: Make, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    child = make(STUBBORN)
    await until((tmp_path / "deaf").exists)
    began_ms = monotonic_ms()
    await child.stop(0.3)
    assert 300 <= monotonic_ms() - began_ms < 3000
    assert child.pid is None
    assert "sweeper did not stop in time; killing it" in caplog.text


async def test_stopping_during_the_pause_after_a_death_starts_nothing_more(make: Make) -> None:
    child = make(FAILING)
    await until(lambda: child.deaths == 2)
    await child.stop(5)
    assert (child.pid, child.deaths) == (None, 2)


async def test_stopping_while_the_process_is_being_made_ends_it(make: Make) -> None:
    child = make(OBEDIENT)
    await asyncio.sleep(0)
    assert child.pid is None  # its making has begun and is not done
    began_ms = monotonic_ms()
    await child.stop(5)
    assert child.pid is None
    assert monotonic_ms() - began_ms < 4000
