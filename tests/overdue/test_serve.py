"""`serve` with a real Valkey and small stand-ins for the parts: start, deaths, stop, and what a killed one leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from overdue.orphan import command_line
from store.clock import monotonic_ms
from tests.overdue.processes import HERE, alive, free_port, redis_server, serving, until

COUNT_RESTARTS = """
from prometheus_client import CollectorRegistry, multiprocess
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
print(registry.get_sample_value("overdue_part_restarts_total", {"part": "sweeper"}))
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_the_key_is_shown_on_the_first_start_only_and_later_the_curl_line_reads_it_from_its_file(
    data: Path,
) -> None:
    with serving(data) as first:
        first.wait_until_ready()
        key = (data / "admin-key").read_text().strip()
        assert f"-H 'x-api-key: {key}'" in first.said
    with serving(data) as second:
        second.wait_until_ready()
        assert key not in second.said
        assert f'-H "x-api-key: $(cat {data}/admin-key)"' in second.said


def test_the_data_folder_and_what_valkey_writes_are_for_the_owner_alone(data: Path) -> None:
    with serving(data) as serve:
        serve.wait_until_ready()
        files = [data, *data.rglob("*")]
        assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_sigterm_stops_ingest_first_and_valkey_last_and_exits_with_0(data: Path) -> None:
    with serving(data) as serve:
        serve.wait_until_ready()
        pids = serve.pids()
        assert set(pids) == {"ingest", "sweeper", "recorder", "valkey"}
        until(lambda: len(serve.journal()) == 3)
        serve.signal(signal.SIGTERM)
        assert serve.wait() == 0
        assert not any(alive(pid) for pid in pids.values())
        assert serve.journal()[3] == "ingest stops"
        assert set(serve.journal()[4:]) == {"sweeper stops", "recorder stops"}
        assert serve.said.splitlines()[-1].endswith("valkey stopped")


def test_several_ingest_processes_stop_before_the_others_and_each_is_started_again_by_itself(
    data: Path,
) -> None:
    with serving(data, OVERDUE_WORKERS="3") as serve:
        serve.wait_until_ready()
        pids = serve.pids()
        assert set(pids) == {"ingest", "ingest-1", "ingest-2", "sweeper", "recorder", "valkey"}
        until(lambda: len(serve.journal()) == 5)
        os.kill(pids["ingest-1"], signal.SIGKILL)
        until(lambda: serve.journal()[5:] == ["ingest-1 starts"])
        assert "ingest-1 died (signal 9); starting it again in 0.2 s" in serve.said
        again = serve.pids()
        assert {name for name, pid in again.items() if pids[name] != pid} == {"ingest-1"}
        serve.signal(signal.SIGTERM)
        assert serve.wait() == 0
        assert set(serve.journal()[6:9]) == {"ingest-0 stops", "ingest-1 stops", "ingest-2 stops"}
        assert set(serve.journal()[9:]) == {"sweeper stops", "recorder stops"}


@pytest.mark.parametrize("workers", ["0", "65", "two"])
def test_a_number_of_workers_that_cannot_be_is_refused(data: Path, workers: str) -> None:
    with serving(data, OVERDUE_WORKERS=workers) as serve:
        assert serve.wait() == 2
        assert serve.said.startswith("overdue: OVERDUE_WORKERS: ")
        assert serve.journal() == []


def test_a_killed_part_is_started_again_and_counted(data: Path) -> None:
    with serving(data) as serve:
        serve.wait_until_ready()
        until(lambda: "sweeper starts" in serve.journal())
        os.kill(serve.pids()["sweeper"], signal.SIGKILL)
        until(lambda: serve.journal().count("sweeper starts") == 2)
        assert "sweeper died (signal 9); starting it again in 0.2 s" in serve.said
        environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(data / "metrics")}
        counted = subprocess.run(
            [sys.executable, "-c", COUNT_RESTARTS], env=environ, capture_output=True, text=True, check=True
        )
        assert counted.stdout.strip() == "1.0"


def test_a_killed_valkey_is_started_again(data: Path) -> None:
    with serving(data) as serve:
        serve.wait_until_ready()
        first = serve.pids()["valkey"]
        os.kill(first, signal.SIGKILL)
        until(lambda: serve.pids().get("valkey", first) != first)
        assert "valkey died (signal 9)" in serve.said


def test_a_second_ctrl_c_forces_at_once(data: Path) -> None:
    with serving(data, FAKE_STUBBORN="ingest") as serve:
        serve.wait_until_ready()
        pids = serve.pids()
        began_ms = monotonic_ms()
        serve.signal(signal.SIGINT)
        until(lambda: "stopping" in serve.said)
        assert serve.process.poll() is None
        serve.signal(signal.SIGINT)
        assert serve.wait() == 130
        assert monotonic_ms() - began_ms < 3000
        assert not any(alive(pid) for pid in pids.values())


def test_a_repeated_sigterm_changes_nothing_and_a_part_that_overstays_is_killed_within_ten_seconds(
    data: Path,
) -> None:
    with serving(data, FAKE_STUBBORN="sweeper") as serve:
        serve.wait_until_ready()
        until(lambda: "sweeper starts" in serve.journal())
        pids = serve.pids()
        began_ms = monotonic_ms()
        serve.signal(signal.SIGTERM)
        until(lambda: "recorder stopped" in serve.said)
        serve.signal(signal.SIGTERM)
        serve.signal(signal.SIGINT)  # the first Ctrl-C after a SIGTERM: not a second one
        assert serve.wait() == 0
        assert 6000 < monotonic_ms() - began_ms < 10_000
        assert "sweeper did not stop in time; killing it" in serve.said
        assert not any(alive(pid) for pid in pids.values())


def test_a_signal_during_the_start_stops_it_cleanly(data: Path) -> None:
    with serving(data, FAKE_UNREADY="1") as serve:
        until(lambda: len(serve.journal()) == 3)
        serve.signal(signal.SIGTERM)
        assert serve.wait() == 0
        assert "is ready at" not in serve.said


def test_when_serve_is_killed_its_parts_stop_by_themselves_and_the_next_start_stops_its_valkey(
    data: Path,
) -> None:
    port = free_port()
    with serving(data, port) as killed:
        killed.wait_until_ready()
        until(lambda: len(killed.journal()) == 3)
        pids = killed.pids()
        killed.signal(signal.SIGKILL)
        killed.wait()
        with serving(data, port) as next_one:
            next_one.wait_until_ready()
            assert not any(alive(pid) for pid in pids.values())
            assert (
                f"stopping the Valkey that a former start left behind (process {pids['valkey']})"
                in next_one.said
            )
        assert set(killed.journal()[3:6]) == {"ingest stops", "sweeper stops", "recorder stops"}
        assert "`overdue serve` is gone; stopping" in killed.said


def test_a_second_start_is_refused_with_the_folder_and_the_holder(data: Path) -> None:
    with serving(data) as first:
        first.wait_until_ready()
        before = sorted((data / "metrics").iterdir())
        with serving(data) as second:
            assert second.wait() == 2
            assert (
                f"overdue: OVERDUE_DATA: the folder {data} is in use by process {first.process.pid}"
                in second.said
            )
        assert sorted((data / "metrics").iterdir()) == before
        assert first.process.poll() is None


def test_a_named_server_is_used_and_left_running(data: Path, tmp_path: Path) -> None:
    with redis_server(tmp_path / "r") as url, serving(data, OVERDUE_REDIS_URL=url) as serve:
        serve.wait_until_ready()
        assert set(serve.pids()) == {"ingest", "sweeper", "recorder"}
        serve.signal(signal.SIGTERM)
        assert serve.wait() == 0
        assert not (data / "valkey.conf").exists()


def test_a_server_that_evicts_is_refused_and_no_part_starts(data: Path, tmp_path: Path) -> None:
    evicting = redis_server(tmp_path / "r", "--maxmemory-policy", "allkeys-lru")
    with evicting as url, serving(data, OVERDUE_REDIS_URL=url) as serve:
        assert serve.wait() == 2
        assert "CONFIG SET maxmemory-policy noeviction" in serve.said
        assert serve.journal() == []


def test_a_valkey_that_cannot_start_stops_the_start_with_the_last_words_of_its_log(data: Path) -> None:
    (data / "appendonlydir").mkdir(parents=True)
    (data / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with serving(data) as serve:
        assert serve.wait() == 2
        assert "the embedded Valkey does not start" in serve.said
        assert "Traceback" not in serve.said


def test_the_command_line_of_each_part_names_it_as_scripts_expect() -> None:
    program = subprocess.run(
        [
            sys.executable,
            "-c",
            "from overdue.house import PROGRAM; print(*PROGRAM, 'ingest', '--help', sep='\\n')",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")[:-1]
    assert "overdue ingest" in " ".join(program)
    # A folder that looks like one of ours in the working directory must not be taken for it.
    shown = subprocess.run(program, cwd=HERE.parent, capture_output=True, text=True, check=True)
    assert "--fd" in shown.stdout
    assert command_line(os.getpid())
