"""One measured load: what is read before, at the end, and after the recorder has caught up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from bench import recorded
from bench.case import RECORDER, REDIS, WEB
from bench.load import BenchFailed, Load, LoadResult
from bench.measure import Server, measure
from bench.recorded import Recorded

US = (os.getpid(),)


def a_server(pids: dict[str, tuple[int, ...]], read: Callable[[], Recorded] | None = None) -> Server:
    return Server(port=1, paths=("/ping/k",), pids=pids, read_recorded=read)


def answer(answered: int) -> Callable[[Load], LoadResult]:
    return lambda load: LoadResult(
        answered=answered, refused=0, errors=0, elapsed_s=1.0, p50_ms=1.0, p99_ms=1.0, cut=load.connections
    )


def burn(load: Load) -> LoadResult:
    ends_s = sum(os.times()[:2]) + 0.05
    while sum(os.times()[:2]) < ends_s:
        pass
    return answer(1)(load)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "QUIET_MS", 1)
    monkeypatch.setattr(recorded, "LOOK_EVERY_S", 0.001)


def test_cpu_is_what_was_spent_during_the_load() -> None:
    server = a_server({WEB: US})

    done = measure(server, server.load(4, 1.0), burn)

    assert 40_000 <= done.cpu_us[WEB] <= 200_000
    assert (set(done.cpu_us), done.faults) == ({WEB}, ())


def test_only_what_was_recorded_since_the_start_is_compared_with_the_answers() -> None:
    figures = iter([Recorded(100, 90, 0, 0)])
    server = a_server({WEB: US, RECORDER: US}, lambda: next(figures, Recorded(150, 140, 0, 0)))

    done = measure(server, server.load(4, 1.0), answer(50))

    assert done.faults == ()


def test_an_answer_that_was_not_recorded_is_a_fault_of_the_round() -> None:
    server = a_server({WEB: US, RECORDER: US}, lambda: Recorded(0, 0, 0, 0))

    done = measure(server, server.load(4, 1.0), answer(1))

    assert len(done.faults) == 2


def test_a_part_that_died_spoils_the_measurement() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    server = a_server({WEB: US, REDIS: (child.pid,)})

    with pytest.raises(BenchFailed, match="Redis died"):
        measure(server, server.load(4, 1.0), answer(1))
