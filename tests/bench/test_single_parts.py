"""What is measured without the load generator in front: a lone sender, the script alone, the recorder alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from bench import drain, lone
from bench.case import GENERATOR, REDIS, WEB, Case
from bench.cpu import PROC
from bench.load import Load
from bench.lone import measure_lone
from bench.measure import Server
from bench.parts import EMPTY_REPLY, reply_server
from bench.recorded import Recorded
from bench.requests import requests_of
from bench.script import lay_out, measure_script
from store.clock import monotonic_ms

US = {REDIS: (os.getpid(),)}


@pytest.fixture
def empty_url(redis_url: str) -> str:
    """A server that holds nothing, whatever other tests have left in it."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


async def test_the_script_alone_records_every_ping_of_every_call(empty_url: str) -> None:
    await lay_out(empty_url, "0" * 32, monitors=10)

    for pings in (1, 7):
        done = await measure_script(Server(0, US), empty_url, "0" * 32, 10, pings, seconds_s=0.05)

        assert done.faults == ()
        assert (set(done.cpu_us), done.pings) == ({REDIS, GENERATOR}, done.result.answered * pings)
        assert 0 < done.result.p50_ms <= done.result.p99_ms


async def test_pings_of_monitors_that_are_not_there_are_faults(empty_url: str) -> None:
    await lay_out(empty_url, "1" * 32, monitors=3)

    done = await measure_script(Server(0, US), empty_url, "1" * 32, 40, 30, seconds_s=0.01)

    assert "pings were not recorded" in done.faults[0]


def test_lone_senders_run_side_by_side_and_are_held_against_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lone, "EVERY_S", 0.1)
    with reply_server(tmp_path, EMPTY_REPLY) as web:
        silent = Server(web.port, {WEB: (web.pid,)})
        forgetful = Server(web.port, {}, lambda: Recorded(0, 0, 0))
        case = Case(name="x", group="x")
        load = Load(
            port=web.port, requests=requests_of(case, silent.host, ["k"]), connections=1, seconds_s=0.25
        )
        first, second = measure_lone([silent, forgetful], [load, load])

    assert first.faults == ()
    assert 1 <= first.result.answered <= 3
    assert len(second.faults) == 2


def state_of(pid: int) -> str:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]


def test_what_is_held_stands_still_and_goes_on_afterwards() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with pytest.raises(KeyboardInterrupt), drain._held([child.pid]):
            until_ms = monotonic_ms() + 10_000
            while (held := state_of(child.pid)) != "T" and monotonic_ms() < until_ms:
                pass
            raise KeyboardInterrupt
        child.communicate(b"\n", timeout=10)
    finally:
        child.kill()
        child.wait()

    assert (held, child.returncode) == ("T", 0)
