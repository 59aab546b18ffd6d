"""One measured load: what is read before, at the end, and after the recorder has caught up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from bench import recorded
from bench.case import GENERATOR, RECORDER, REDIS, REDIS_READ_OUT, WEB
from bench.load import BenchFailed, Load, LoadResult
from bench.measure import Server, measure
from bench.recorded import Recorded

US = (os.getpid(),)


def a_server(pids: Mapping[str, tuple[int, ...]], read: Callable[[], Recorded] | None = None) -> Server:
    return Server(port=1, pids=pids, read_recorded=read)


LOAD = Load(port=1, requests=(b"GET / HTTP/1.1\r\n\r\n",), connections=4, seconds_s=1.0)
OURS = {WEB: US, REDIS: US, RECORDER: US}


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
    monkeypatch.setattr(recorded, "STUCK_MS", 30)
    monkeypatch.setattr(recorded, "LOOK_EVERY_S", 0.001)


def test_cpu_is_what_was_spent_during_the_load() -> None:
    server = a_server({WEB: US})

    done = measure(server, LOAD, burn)

    assert 40_000 <= done.cpu_us[WEB] <= 200_000
    assert (set(done.cpu_us), done.faults) == ({WEB, GENERATOR}, ())


def test_only_what_was_recorded_since_the_start_is_compared_with_the_answers() -> None:
    figures = iter([Recorded(100, 90, 0)])
    server = a_server(OURS, lambda: next(figures, Recorded(150, 140, 0)))

    done = measure(server, LOAD, answer(50))

    assert done.faults == ()


def test_redis_is_read_again_when_the_recorder_has_caught_up() -> None:
    done = measure(a_server(OURS, lambda: Recorded(0, 0, 0)), LOAD, answer(0))

    assert set(done.cpu_us) == {WEB, REDIS, RECORDER, REDIS_READ_OUT, GENERATOR}


def test_a_batch_that_was_answered_is_so_many_pings() -> None:
    figures = iter([Recorded(0, 0, 0)])
    server = a_server(OURS, lambda: next(figures, Recorded(500, 500, 0)))

    done = measure(server, LOAD, answer(5), pings_per_reply=100)

    assert (done.faults, done.pings, done.per_second) == ((), 500, 500.0)


def test_replies_that_are_no_200_and_broken_connections_are_faults() -> None:
    def drive(load: Load) -> LoadResult:
        return LoadResult(answered=0, refused=3, errors=2, elapsed_s=1.0)

    done = measure(a_server({WEB: US}), LOAD, drive)

    assert done.faults == ("3 replies were not 200", "2 connections failed", "nothing was answered")


def test_the_generator_is_a_child_that_has_ended() -> None:
    def drive(load: Load) -> LoadResult:
        subprocess.run([sys.executable, "-c", "sum(range(2_000_000))"], check=True)
        return answer(1)(load)

    assert measure(a_server({WEB: US}), LOAD, drive).cpu_us[GENERATOR] >= 10_000


def test_an_answer_that_was_not_recorded_is_a_fault_of_the_round() -> None:
    server = a_server(OURS, lambda: Recorded(0, 0, 0))

    done = measure(server, LOAD, answer(1))

    assert len(done.faults) == 2


def test_a_part_that_died_spoils_the_measurement() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    server = a_server({WEB: US, REDIS: (child.pid,)})

    with pytest.raises(BenchFailed, match="Redis died"):
        measure(server, LOAD, answer(1))
